import type { Peer } from "../chroma-api/peer.ts";
import { round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { BenchRun } from "../support/run.ts";
import type { Target } from "../support/target.ts";
import { type Load, measureTurns, type TurnOptions } from "../support/turns.ts";
import type { Peers } from "./peers.ts";

/** A request that is measured. */
export interface Operation {
  readonly name: string;
  send(peer: Peer, index: number): Promise<unknown>;
}

export interface Comparison {
  /** `chroma`, `mirror` or `cairn`. */
  readonly phase: string;
  readonly peers: Peers;
  readonly run: BenchRun;
  readonly operations: readonly Operation[];
  /** What the gateway is compared with. */
  readonly against: readonly ("chroma" | "cairn")[];
  /** Measured too, without a target. */
  readonly reference?: "proxy";
  /** The gateway's p50 to the slowest of the others, at most. */
  readonly maxRatio: number;
  /** Milliseconds by which the gateway's p50 may be longer. Default: no limit. */
  readonly maxExtraMs?: number;
  /** Usual ratio of a quick run. */
  readonly usual: number;
  readonly afterGateway?: TurnOptions["afterTurn"];
}

const CLIENTS = [1, 4];

/** Measures each operation through the gateway and without it, in turns. */
export async function compareInPhase(comparison: Comparison): Promise<readonly Target[]> {
  const { phase, peers, run, operations, against, reference, maxRatio, maxExtraMs, usual, afterGateway } = comparison;
  const table: Record<string, string | number>[] = [];
  const targets: Target[] = [];
  for (const operation of operations)
    for (const clients of CLIENTS) {
      const compared = [...against, ...(reference ? [reference] : [])];
      const order = [peers.gateway, ...compared.map((name) => peers[name])];
      const [gateway, ...others] = (await measureTurns(
        order.map((peer) => (index: number) => operation.send(peer, index)),
        {
          clients,
          seconds: run.quick ? 1 : 6,
          afterTurn: async (which) => void (which === 0 && (await afterGateway?.(0))),
        },
      )) as readonly [Load, ...Load[]];
      const slowest = Math.max(...others.slice(0, against.length).map(({ p50 }) => p50));
      const ratio = round(gateway.p50 / slowest);
      table.push({
        operation: operation.name,
        clients,
        ...columnsOf(peers.gateway.name, gateway),
        ...Object.assign({}, ...others.map((load, at) => columnsOf(order[at + 1]?.name ?? "", load))),
        "p50 ratio": ratio,
        ...(reference && { [`p50 ratio, ${peers[reference].name}`]: round((others.at(-1)?.p50 ?? 0) / slowest) }),
        "p50 more, ms": round(gateway.p50 - slowest),
      });
      const what = `phase ${phase}, ${operation.name}, ${clients === 1 ? "1 client" : `${clients} clients`}: p50 through the gateway`;
      targets.push({ what: `${what}, ratio`, value: ratio, target: maxRatio, better: "lower", usual });
      if (maxExtraMs !== undefined)
        targets.push({
          what: `${what}, more ms`,
          value: round(gateway.p50 - slowest),
          target: maxExtraMs,
          better: "lower",
        });
    }
  const title = `Gateway in the phase ${phase}, next to ${against.map((name) => peers[name].name).join(" and ")}`;
  await report({ bench: "gateway", title, table, targets }, run);
  return targets;
}

function columnsOf(name: string, { p50, p95, rate }: Load): Record<string, number> {
  return {
    [`${name}: p50, ms`]: round(p50),
    [`${name}: p95, ms`]: round(p95),
    [`${name}: requests/s`]: round(rate, 0),
  };
}
