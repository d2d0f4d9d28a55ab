/**
 * What an engine says about itself to Jupyter front-ends.
 */
import { VERSION } from "../base/version.ts";
import type { Dictionary } from "../protocol/frames.ts";

/** The content of a `kernel_info_reply`. */
export function kernelInfo(): Dictionary {
  return {
    status: "ok",
    protocol_version: "5.3",
    implementation: "tsparallel",
    implementation_version: VERSION,
    language_info: {
      name: "typescript",
      version: Deno.version.typescript,
      mimetype: "text/x.typescript",
      file_extension: ".ts",
      codemirror_mode: "typescript",
      pygments_lexer: "typescript",
      nbconvert_exporter: "script",
    },
    banner: "An engine of tsparallel: TypeScript, one cell at a time, beside the cluster's tasks",
    help_links: [],
  };
}
