/** Types of options: a slip of the pen does not compile. */
import { type BalancedOptions, Client, type LoadBalancedView } from "../../src/client/client.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { same } from "./equal.ts";

declare const client: Client;
declare const view: LoadBalancedView;

export async function options(): Promise<void> {
  const first = view.apply(() => 1), all = client.direct("all").apply(() => 1);
  same<LoadBalancedView>()(
    view.with({ retries: 2, priority: -3, targets: [0], queueTimeoutMs: 5, label: "x" }),
  );
  same<BalancedOptions>()(view.options);
  view.with({ after: first });
  view.with({ after: [first, all, "msg_id"], follow: "msg_id" });
  view.with({ after: { ids: [first], all: false, success: true, failure: true } });
  view.with({ permissions: "none" });
  view.with({ permissions: { net: ["example.org:443"], sys: true } });
  view.with({ retries: undefined });

  // @ts-expect-error retries, not retry
  view.with({ retry: 2 });
  // @ts-expect-error a number
  view.with({ retries: "2" });
  // @ts-expect-error queueTimeoutMs
  view.with({ timeout: 5 });
  // @ts-expect-error runTimeoutMs
  view.with({ limits: { runTimeout: 5 } });
  // @ts-expect-error the field's spelling is memoryLimitMB
  view.with({ limits: { memoryLimitMb: 5 } });
  // @ts-expect-error ids, not tasks
  view.with({ after: { tasks: [first] } });
  // @ts-expect-error a promise is no result that the scheduler knows
  view.with({ after: first.then(() => 1) });
  // @ts-expect-error there is no such permission
  view.with({ permissions: { network: true } });
  // @ts-expect-error options cannot be changed: `with` makes another view
  view.options.retries = 3;
  // @ts-expect-error a direct view waits in no queue
  client.direct(0, { queueTimeoutMs: 5 });
  // @ts-expect-error nor has it retries
  client.direct(0).with({ retries: 2 });
  // @ts-expect-error load-balanced targets are a list of ids
  client.loadBalanced({ targets: "all" });
  // @ts-expect-error profile, and not profil
  await Client.connect({ profil: "x" });
  // @ts-expect-error n is a number
  await Cluster.start({ n: "2" });
  // @ts-expect-error made by connect only
  new Client();
  // @ts-expect-error pageSize
  client.tasks({}, null, { page: 5 });
}
