/** Where the peers are installed. */

/** The folder that is to stay, or a temporary one below TSPARALLEL_SCRATCH or the system's own, which the stack removes. */
export async function folderFor(keep: string | undefined, stack: AsyncDisposableStack): Promise<string> {
  if (keep !== undefined) {
    await Deno.mkdir(keep, { recursive: true });
    return await Deno.realPath(keep);
  }
  const below = Deno.env.get("TSPARALLEL_SCRATCH");
  const folder = await Deno.makeTempDir({ prefix: "tsparallel-peers-", ...(below ? { dir: below } : {}) });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  return folder;
}
