/**
 * The stand-in for Windows HPC reads a job's description: one shell script for each task, as `FOLDER/1/script` and so on. It refuses what the scheduler would refuse: another
 * namespace, an unknown template, tasks without a command.
 */
const [path = "", folder = ""] = Deno.args;
const text = Deno.readTextFileSync(path);

const job = /<Job((?:\s+\w+="[^"<]*")+)\s*>/.exec(text)?.[1] ??
  refuse("The job file is not valid: no Job element");
if (attribute(job, "xmlns") !== "http://schemas.microsoft.com/HPCS2008/scheduler/") {
  refuse("The job file is not valid: its namespace is unknown");
}
const template = attribute(job, "JobTemplate");
if (!["", "Default"].includes(template)) refuse(`The job template ${template} does not exist.`);

const tasks = [...text.matchAll(/<Task((?:\s+\w+="[^"<]*")+)\s*>([^]*?)<\/Task>/g)];
if (tasks.length === 0) refuse("The job has no tasks");
for (const [at, [_, attributes = "", content = ""]] of tasks.entries()) {
  const output = (name: string) => attribute(attributes, name).replaceAll("\\", "/");
  const variables = [...content.matchAll(/<Name>([^<]*)<\/Name>\s*<Value>([^<]*)<\/Value>/g)];
  const lines = [
    ...variables.map(([_, name = "", value = ""]) => `export ${plain(name)}=${quoted(plain(value))}`),
    `cd ${quoted(attribute(attributes, "WorkDirectory"))}`,
    `exec ${wordsOf(attribute(attributes, "CommandLine")).map(quoted).join(" ")} ` +
    `> ${quoted(output("StdOutFilePath"))} 2> ${quoted(output("StdErrFilePath"))}`,
  ];
  Deno.mkdirSync(`${folder}/${at + 1}`, { recursive: true });
  Deno.writeTextFileSync(`${folder}/${at + 1}/script`, `${lines.join("\n")}\n`);
}

function attribute(attributes: string, name: string): string {
  return plain(new RegExp(`\\s${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
}

function plain(xml: string): string {
  return xml.replace(/&(?:#(\d+)|(\w+));/g, (entity, code?: string) => {
    if (code === undefined) return refuse(`The job file is not valid: ${entity}`);
    return String.fromCharCode(Number(code));
  });
}

/** The words of a command line, as Microsoft documents it for `CommandLineToArgvW`. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (let at = 0; at < line.length;) {
    if (line[at] === " ") {
      at++;
      continue;
    }
    let word = "", isQuoted = false;
    for (; at < line.length && (isQuoted || line[at] !== " "); at++) {
      const slashes = /^\\*/.exec(line.slice(at))?.[0].length ?? 0;
      const isBeforeQuote = line[at + slashes] === '"';
      word += "\\".repeat(isBeforeQuote ? slashes >> 1 : slashes);
      at += slashes;
      if (isBeforeQuote && slashes % 2 === 1) word += '"';
      else if (isBeforeQuote) isQuoted = !isQuoted;
      else if (line[at] === undefined || (line[at] === " " && !isQuoted)) break;
      else word += line[at];
    }
    words.push(word);
  }
  return words;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function refuse(why: string): never {
  console.error(why);
  Deno.exit(1);
}
