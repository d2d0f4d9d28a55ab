/** Templates of batch scripts: what is replaced, what stays, and what is refused. */
import assert from "node:assert/strict";
import { OptionError } from "../../src/base/options.ts";
import { renderTemplate, shellLine } from "../../src/cluster/template.ts";

const VALUES = { n: 10, enginesPerJob: 4, profileDir: "/p q", queue: "short", walltime: "1:00:00" };

const render = (template: string) => renderTemplate(template, VALUES, "the template");

Deno.test("expressions become their values", () => {
  const cases: readonly [string, string][] = [
    ["#SBATCH --nodes={ceil(n/4)}", "#SBATCH --nodes=3"],
    ["{n}{queue}", "10short"],
    ["{ n - 2 * 3 }", "4"],
    ["{(n - 2) * 3}", "24"],
    ["{n % enginesPerJob} {floor(n / 4)} {-n}", "2 2 -10"],
    ["{min(n, enginesPerJob)} {max(1, 2, 3)}", "4 3"],
    ["{profile_dir} {engines_per_job}", "/p q 4"],
    ["{quote(profileDir)}", "'/p q'"],
    ['{queue + "-" + n}', "short-10"],
    ["{n / 4}", "2.5"],
  ];
  for (const [template, text] of cases) assert.equal(render(template), text, template);
});

Deno.test("what belongs to the shell stays", () => {
  for (const text of ["${HOME}/$(id -u)", "f() { echo; }".replace("{ echo; }", ""), "$PATH", "a } b"]) {
    assert.equal(render(text), text);
  }
  assert.equal(render("awk '{{print $1}}'"), "awk '{print $1}'");
});

Deno.test("what cannot be said is refused with its line", () => {
  const cases: readonly [string, RegExp][] = [
    [
      "a\nb {quue}",
      /Cannot use the template, line 2, "\{quue\}": no value is called "quue", did you mean "queue"\?/,
    ],
    ["{ciel(n)}", /no function is called "ciel", did you mean "ceil"\?/],
    ["{n +}", /it takes a name, a number or a call here/],
    ["{(n}", /a "\)" is missing/],
    ["{n n}", /something follows/],
    ["{queue * 2}", /"short" is no number/],
    ["{n / 0}", /its value is no finite number/],
    ["{process.exit()}", /cannot be read from "\.exit\(\)" on/],
    ["{constructor}", /no value is called "constructor"/],
    ["{}", /it takes a name/],
  ];
  for (const [template, message] of cases) {
    assert.throws(
      () => render(template),
      (error) => error instanceof OptionError && message.test(error.message),
      template,
    );
  }
  assert.throws(
    () => renderTemplate("#SBATCH -p {queue}", { queue: "a\n#SBATCH --uid=0" }, "it"),
    /its value has control characters/,
  );
});

Deno.test("words of a command are quoted for the shell where they need it", () => {
  assert.equal(shellLine(["a/b", "--x=1", "it's", "", "$HOME"]), `a/b --x=1 'it'\\''s' '' '$HOME'`);
});
