/** ipcontroller_config.py and .json: plain assignments are read, nothing is run. */
import assert from "node:assert/strict";
import { pythonAssignments, readConfiguration } from "../../src/cli/config_file.ts";
import { CONTROLLER_TRAITS } from "../../src/cli/traits.ts";
import { OptionError } from "../../src/base/options.ts";
import { RunFolder } from "./run_folder.ts";

const FILE = `# Configuration file for ipcontroller.

c = get_config()  #noqa

"""A remark."""
c.HeartMonitor.period = 200  # ms
c.IPController.ports = [
    10101,  # the hub
    10102,
]
c.TaskScheduler.scheme_name = "lru"; # old habit
  # c.IPController.ip = "*"
#c.IPController.ip = "*"
import os
c.IPController.location = os.uname().nodename
if True:
    c.IPController.ip = "*"
c.IPController.ports.extend([1])
c.IPController.ip == "*"
c.Session.key = b"abc" + b"d"
c.IPController.location = 'here'`;

Deno.test("assignments of literals are found in a Python file, and every other line is told", () => {
  const unread: string[] = [];
  const found = pythonAssignments(FILE, "f", unread);
  assert.deepEqual(found, [
    { trait: "HeartMonitor.period", value: 200, place: "f:6" },
    { trait: "IPController.ports", value: [10101, 10102], place: "f:7" },
    { trait: "TaskScheduler.scheme_name", value: "lru", place: "f:11" },
    { trait: "IPController.location", value: "here", place: "f:21" },
  ]);
  assert.deepEqual(unread, ["f:14", "f:15", "f:16", "f:17", "f:18", "f:19", "f:20"]);
});

Deno.test("the JSON file wins over the Python file, the named file over both", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const stem = `${folder}/ipcontroller_config`;
    assert.deepEqual(readConfiguration(stem, undefined, CONTROLLER_TRAITS), {
      settings: [],
      unmapped: [],
      unread: [],
    });
    Deno.writeTextFileSync(`${stem}.py`, "c.HeartMonitor.period = 1\nc.Foo.bar = 2\n");
    Deno.writeTextFileSync(`${stem}.json`, '{"HeartMonitor": {"period": 2}, "version": 1}');
    Deno.writeTextFileSync(`${folder}/more.py`, "c.HeartMonitor.period = 3\n");
    const { settings, unmapped } = readConfiguration(stem, `${folder}/more.py`, CONTROLLER_TRAITS);
    assert.deepEqual(settings.map(({ flag, value }) => [flag, value]), [
      ["--ping-ms", "1"],
      ["--ping-ms", "2"],
      ["--ping-ms", "3"],
    ]);
    assert.deepEqual(unmapped, [`c.Foo.bar in ${stem}.py:2`]);
    Deno.writeTextFileSync(`${stem}.json`, "{");
    assert.throws(() => readConfiguration(stem, undefined, CONTROLLER_TRAITS), OptionError);
    assert.throws(
      () => readConfiguration(`${folder}/no`, `${folder}/no.py`, CONTROLLER_TRAITS),
      /"--config" names/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function settingsOf(text: string): Record<string, unknown> {
  return JSON.parse(text);
}

Deno.test("flag over environment over the run's own profile over configuration over the shipped profile", async () => {
  await using folder = new RunFolder();
  const shown = async (...args: string[]) =>
    settingsOf((await folder.run("controller", "--show-config", ...args)).out)["pingMs"];
  assert.equal(await shown(), 3000);
  Deno.writeTextFileSync(`${folder.dir}/ipcontroller_config.py`, "c.HeartMonitor.period = 200");
  assert.equal(await shown(), 200);
  Deno.writeTextFileSync(`${folder.dir}/tsparallel.jsonc`, '{"controller": {"pingMs": 300}}');
  assert.equal(await shown(), 300);
  assert.equal(await shown("--ping=400"), 400);
});

Deno.test("a bad value in a configuration is refused with its line, settings of the run itself too", async () => {
  await using folder = new RunFolder();
  const file = `${folder.dir}/ipcontroller_config.py`;
  Deno.writeTextFileSync(file, "\nc.HeartMonitor.period = 'soon'\n");
  const said = await folder.run("controller");
  assert.equal(said.code, 2);
  assert.match(said.err, /Cannot use "soon" for "c\.HeartMonitor\.period \(.*ipcontroller_config\.py:2\)"/);
  Deno.writeTextFileSync(file, "c.ProfileDir.location = '/tmp/x'\n");
  assert.match(
    (await folder.run("controller")).err,
    /the file is found by this setting; give it as "--profile-dir"/,
  );
});
