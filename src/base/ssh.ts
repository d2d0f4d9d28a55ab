/**
 * What all know who run the system's ssh: how its command is written, and what to do about what it says.
 */

/** A command line in words: parted at blanks, but not within quotes. */
export function wordsOf(line: string): string[] {
  const words = line.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? "")
  );
}

/** ssh's own message, and what to do about what is common. */
export function explainSsh(words: string): string {
  if (/Permission denied/.test(words)) {
    return `ssh said: ${words}; it may not ask for a password here: use a key, an agent, or your ssh config`;
  }
  if (/Host key verification failed/.test(words)) {
    return `ssh said: ${words}; connect once by hand to accept its key`;
  }
  return `ssh said: ${words}`;
}
