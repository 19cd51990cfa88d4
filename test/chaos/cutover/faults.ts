import { setTimeout as sleep } from "node:timers/promises";
import type { Round } from "./log.ts";
import type { Random } from "./random.ts";

/** Milliseconds after which no request of a process that was killed is on its way. */
const ENDED_MS = 4_000;

type Fault = (round: Round, random: Random) => Promise<void>;

const FAULTS: Readonly<Record<string, Fault>> = {
  async "chroma requests"({ world }, random) {
    world.chromaProxy.faultShare = 0.05 + random.next() * 0.4;
    await sleep(300 + random.below(1_500));
    world.chromaProxy.faultShare = 0;
  },
  async "postgres requests"({ world }, random) {
    const proxy = random.pick([...world.gateways.map(({ postgres }) => postgres), world.postgres]);
    proxy.cutShare = 0.01 + random.next() * 0.1;
    await sleep(300 + random.below(1_500));
    proxy.cutShare = 0;
  },
  async "postgres connections"({ world }, random) {
    if (random.chance(0.5)) random.pick([...world.gateways.map(({ postgres }) => postgres), world.postgres]).cutAll();
    else
      await world.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> 'chaos'",
      );
  },
  async "gateway killed"({ world }, random) {
    const { process, postgres } = random.pick(world.gateways);
    await process.kill();
    await sleep(100);
    const leases = await world.query<{ token: string }>("SELECT token FROM cairn.cutover_leases");
    const endsAt = Date.now() + ENDED_MS;
    await sleep(random.below(1_000));
    await process.start();
    // A lease lasts a minute. What the process has sent has ended before that, so the rest of the time changes nothing.
    await sleep(Math.max(0, endsAt - Date.now()));
    const own = leases.map(({ token }) => token).filter((token) => postgres.hasSeen(token));
    await world.query("DELETE FROM cairn.cutover_leases WHERE token = ANY($1::uuid[])", [own]);
  },
  async "gateway paused"({ world }, random) {
    const { process } = random.pick(world.gateways);
    process.pause();
    await sleep(500 + random.below(2_500)); // with a delay, longer than a write is in flight
    process.resume();
  },
  async "chroma killed"({ world }, random) {
    await world.killChroma();
    await sleep(random.below(800));
    await world.startChroma();
  },
};

/** Causes one fault after the other until the round ends, with pauses. All are over when it returns. */
export async function causeFaults(round: Round, random: Random): Promise<void> {
  while (round.isRunning()) {
    await sleep(random.below(4_000));
    if (!round.isRunning()) return;
    const kind = random.pick(Object.keys(FAULTS));
    const end = round.log.beginFault(kind);
    await (FAULTS[kind] as Fault)(round, random);
    end();
  }
}
