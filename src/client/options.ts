/**
 * The client's options: how patiently it connects, by flag, environment or profile section `client`.
 */
import { number, type OptionValues, text, textOrNone } from "../base/options.ts";

/** Name, default, unit or words, help. */
export const CLIENT_OPTIONS = {
  connectTimeoutMs: number(10_000, { unit: "ms", min: 1 }, "How long to wait for the controller's answer"),
  ssh: text(
    "",
    "[user@]host[:port]",
    "SSH server to tunnel through to the controller; unset: the connection file's, from another machine",
  ),
  sshCommand: text("ssh", "command", "ssh with its flags, like 'ssh -F ./config'"),
  sshKey: textOrNone("path", "Private key for the SSH server; unset: as your ssh config says"),
  curveKeyFile: textOrNone(
    "path",
    "This client's own CURVE keys, by which a controller with a policy knows it",
  ),
} as const;

/** The client's settings. */
export type ClientOptions = OptionValues<typeof CLIENT_OPTIONS>;
