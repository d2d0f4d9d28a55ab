/**
 * What a task was not allowed comes with its end, whichever it is, and only with its own.
 */
import type { DeniedAct } from "../../src/protocol/post_mortem.ts";
import assert from "node:assert/strict";
import { Slot } from "../../src/engine/slot.ts";
import type { SlotSuiteOptions } from "./slot.ts";
import { SETTINGS, SlotHost } from "./slot_host.ts";

class DenialHost extends SlotHost {
  readonly acts = new Map<number, readonly DeniedAct[]>();
  denied(ticket: number, acts: readonly DeniedAct[]): void {
    this.acts.set(ticket, acts);
  }

  /** Runs a task to its error; what it was not allowed. */
  deniedOf(run: () => unknown): readonly DeniedAct[] | undefined {
    const ticket = this.offerCall(this.define(run));
    this.error(ticket);
    return this.acts.get(ticket);
  }
}

/** Registers the tests of denials. */
export function denialSuite({ name, command, ignore = false, isCompiled = false }: SlotSuiteOptions): void {
  const start = () => new DenialHost(Slot.start(SETTINGS, command())).untilReady() as DenialHost;
  Deno.test({
    name: `${name}: denials: counted where they were caught too, told with the error`,
    ignore,
    fn() {
      using host = start();
      const acts = host.deniedOf(function readIt() {
        for (let i = 0; i < 5; i++) {
          try {
            Deno.readTextFileSync("/etc/passwd");
          } catch {
            // It goes on.
          }
        }
        Deno.env.get("HOME");
      });
      assert.deepEqual(acts?.map(({ permission, value, times }) => [permission, value, times]), [
        ["read", "/etc/passwd", 5],
        ["env", "HOME", 1],
      ]);
      assert.match(acts?.[0]?.where ?? "", /^readIt, line \d+$/);
      assert.equal(
        host.deniedOf(() => {
          throw new Error("another reason");
        }),
        undefined,
      );
      const net = host.deniedOf(() => fetch("http://localhost:8080"));
      assert.deepEqual(net?.map(({ permission, value }) => [permission, value]), [["net", "localhost:8080"]]);
    },
  });
  // A compiled program's loader asks for no permission: there is nothing to count.
  if (!isCompiled) {
    Deno.test({
      name: `${name}: denials: the loader's are counted too`,
      ignore,
      fn() {
        using host = start();
        const acts = host.deniedOf(() => import("file:///etc/passwd", { with: { type: "text" } }));
        assert.deepEqual(acts?.map(({ permission, value, times }) => [permission, value, times]), [
          ["read", "/etc/passwd", 1],
        ]);
      },
    });
  }
  Deno.test({
    name: `${name}: denials: at most 32 kinds, and told of a task that was killed`,
    ignore,
    fn() {
      using host = start();
      const ticket = host.offerCall(host.define(() => {
        for (let i = 0;; i++) {
          try {
            Deno.readTextFileSync(`/x${i % 100}`);
          } catch {
            if (i === 1000) console.log("far");
          }
        }
      }));
      host.slot.ring();
      host.until(() => host.stdout(ticket) === "far\n", "a thousand denials");
      host.slot.kill();
      host.untilEnded();
      const acts = host.acts.get(ticket);
      assert.equal(acts?.length, 32);
      assert.ok(acts?.every(({ permission, times }) => permission === "read" && times >= 10));
    },
  });
  Deno.test({
    name: `${name}: denials: a task that changes what stacks and classes are made with harms itself only`,
    ignore,
    fn() {
      using host = start();
      host.call(() => {
        Error.prepareStackTrace = () => {
          Deno.readTextFileSync("/again");
        };
        Object.setPrototypeOf(Deno.errors.PermissionDenied, null);
        String.prototype.indexOf = () => 0;
        try {
          Deno.readTextFileSync("/etc/passwd");
        } catch {
          // As it should be.
        }
        return 1;
      });
      assert.equal(host.call(() => 2), 2);
    },
  });
}
