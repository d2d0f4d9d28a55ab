/**
 * What both runtimes' transports need to reach a controller elsewhere; loaded only then.
 */
import type { Tunnel, TunnelRequest } from "../wire/tunnel.ts";

/** Tunnels that a transport has opened, which end with it. */
export class OpenTunnels {
  readonly #tunnels: Tunnel[] = [];

  get isEmpty(): boolean {
    return this.#tunnels.length === 0;
  }

  /** @throws Error in ssh's own words */
  async open(request: TunnelRequest): Promise<Tunnel> {
    const { openTunnel } = await import("../wire/tunnel.ts");
    const tunnel = await openTunnel(request);
    this.#tunnels.push(tunnel);
    return tunnel;
  }

  async close(): Promise<void> {
    await Promise.all(this.#tunnels.map((tunnel) => tunnel.close()));
  }
}

/** The first of these hosts that answers at this port. */
export async function answering(hosts: readonly string[], port: number): Promise<string | undefined> {
  return await (await import("../wire/answering.ts")).answeringHost(hosts, port);
}
