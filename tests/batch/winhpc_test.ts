/** Windows HPC: the texts of its jobs and commands, and the launcher with a stand-in command of ours that reads them. */
import assert from "node:assert/strict";
import { chooseOptions, OptionError } from "../../src/base/options.ts";
import { scriptOf } from "../../src/cluster/batch_script.ts";
import type { Job } from "../../src/cluster/launcher.ts";
import { CLUSTER_OPTIONS } from "../../src/cluster/options.ts";
import { winHpc } from "../../src/cluster/winhpc.ts";
import { launcherContract } from "../contracts/launcher.ts";
import { standIn } from "./standins/standins.ts";

standIn("job");
launcherContract({
  launcher: "winhpc",
  remark: "(stand-in)",
  settings: { schedulerHost: "headnode" },
  canSignal: false,
  code3: /Failed \(Task 1 failed with exit code 3\)/,
});

const settingsOf = (flags: Record<string, unknown>) => chooseOptions(CLUSTER_OPTIONS, { flags });

function jobOf(words: readonly string[], environment: Record<string, string> = {}): Job {
  const place = { profile: "default", profileDir: "C:\\Users\\me & you\\profile", clusterId: "" };
  const program = { perProcess: 1, words: () => words, own: null };
  return { kind: "engines", n: 2, set: "0", place, program, environment };
}

function textOf(job: Job, flags: Record<string, unknown> = {}): string {
  const settings = settingsOf(flags);
  return scriptOf(winHpc(settings), job, { members: 2, engines: 1 }, settings);
}

Deno.test("winhpc: every value in a job's description is escaped", () => {
  const text = textOf(jobOf(["a.exe", 'say "<hi>"', "C:\\with space\\"], { KEY: '{"a": 1}\n<&>' }), {
    account: 'R&D "x"',
  });
  assert.match(text, /Project="R&#38;D &#34;x&#34;"/);
  assert.match(text, /WorkDirectory="C:\\Users\\me &#38; you\\profile"/);
  assert.match(
    text,
    /CommandLine="a\.exe &#34;say \\&#34;&#60;hi&#62;\\&#34;&#34; &#34;C:\\with space\\\\&#34;"/,
  );
  assert.match(text, /<Value>\{&#34;a&#34;: 1\}&#10;&#60;&#38;&#62;<\/Value>/);
  assert.throws(() => textOf(jobOf(["a\x01"])), /has control characters/);
});

Deno.test("winhpc: cores, priority, template, time, memory and further attributes are the job's", () => {
  const text = textOf(jobOf(["a.exe"]), {
    cpusPerEngine: 2,
    priority: "AboveNormal",
    queue: "Long jobs",
    walltime: "1:00:00",
    memory: "2G",
    directives: ["IsExclusive=true", "RequestedNodes=N1,N2"],
  });
  const [head = ""] = /<Job[^>]*>/.exec(text) ?? [];
  for (
    const attribute of [
      'MinCores="2"',
      'MaxCores="4"',
      'Priority="AboveNormal"',
      'JobTemplate="Long jobs"',
      'RuntimeSeconds="3600"',
      'MinMemory="2048"',
      'IsExclusive="true"',
      'RequestedNodes="N1,N2"',
      'xmlns="http://schemas.microsoft.com/HPCS2008/scheduler/"',
    ]
  ) assert(head.includes(` ${attribute}`), `${attribute} in ${head}`);
  assert.equal(head.match(/IsExclusive=/g)?.length, 1);
  assert.equal(text.match(/<Task /g)?.length, 2);
  assert.match(text, /StdOutFilePath="log\\ipengine-0\.1\.1\.out"/);
});

Deno.test("winhpc: what it cannot take is refused in words", () => {
  assert.throws(() => textOf(jobOf(["a"]), { directives: ["#SBATCH -x"] }), /it takes attributes of a job/);
  assert.throws(() => textOf(jobOf(["a"]), { engineTemplate: "x.xml" }), /winhpc takes none/);
  assert.throws(() => textOf(jobOf(["a"]), { memory: "2X" }), OptionError);
});

Deno.test("winhpc: its commands name the head node, and its answers are read", () => {
  const system = winHpc(settingsOf({ schedulerHost: "HEAD" }));
  assert.deepEqual(system.submit("C:\\j.xml", "").words, [
    "job",
    "submit",
    "/jobfile:C:\\j.xml",
    "/scheduler:HEAD",
  ]);
  assert.deepEqual(system.ask("7").words, ["job", "view", "7", "/scheduler:HEAD"]);
  assert.deepEqual(system.cancel("7", false).words, ["job", "cancel", "7", "/scheduler:HEAD"]);
  assert.deepEqual(system.cancel("7", true).words, ["job", "cancel", "7", "/force", "/scheduler:HEAD"]);
  assert.deepEqual(winHpc(settingsOf({})).ask("7").words, ["job", "view", "7"]);
  assert.equal(system.jobId("Job has been submitted. ID: 42.\r\n"), "42");
  const view = (state: string, more = "") =>
    system.states("7", {
      code: 0,
      out: `Job Id : 7\r\nState                   : ${state}\r\n${more}`,
      err: "",
    });
  assert.deepEqual(view("Queued", "Pending reason : Not enough cores\r\n"), [
    { is: "waiting", words: "Queued (Not enough cores)" },
  ]);
  assert.deepEqual(view("Running"), [{ is: "running", words: "Running" }]);
  assert.deepEqual(view("Finished"), [{ is: "ended", words: "" }]);
  assert.deepEqual(view("Canceled"), [{ is: "ended", words: "Canceled" }]);
  assert.throws(
    () => system.states("7", { code: 1, out: "", err: "No host" }),
    /Cannot ask Windows HPC: No host/,
  );
});
