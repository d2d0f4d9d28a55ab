/**
 * Whether a profile that the user named is one: an engine would wait in vain for the controller of a misspelt one.
 */
import { dirname } from "node:path";
import { didYouMean } from "../base/options.ts";
import { shippedProfiles } from "../base/profile.ts";
import { ConnectionFileError } from "../protocol/errors.ts";
import { type Flags, type Run, textFlag } from "./command.ts";

/**
 * Refuses a named profile that has no folder and does not come with the program. A folder that is named itself may be made later.
 * @throws ConnectionFileError that says what to do
 */
export async function checkProfile(flags: Flags, { profileName, dir }: Run): Promise<void> {
  const named = textFlag(flags, "profile");
  if (named === undefined || textFlag(flags, "profileDir") !== undefined || isThere(dir)) return;
  const shipped = await shippedProfiles();
  if (shipped.includes(profileName)) return;
  const others = [...shipped, ...profilesIn(dirname(dir))];
  throw new ConnectionFileError(
    dir,
    "missing",
    `Cannot find profile "${named}": there is no folder "${dir}"; start its controller first with ` +
      `\`tsparallel controller --profile=${named}\`, which makes it${didYouMean(named, others)}`,
  );
}

function isThere(dir: string): boolean {
  try {
    Deno.statSync(dir);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

function profilesIn(folder: string): string[] {
  try {
    const names = [...Deno.readDirSync(folder)].map(({ name }) => /^profile_(.+)$/.exec(name)?.[1]);
    return names.filter((name) => name !== undefined);
  } catch {
    return [];
  }
}
