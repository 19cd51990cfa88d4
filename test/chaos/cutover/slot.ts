import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "./ask.ts";
import type { Round } from "./log.ts";
import { createModel, GRACE_MS } from "./model.ts";
import type { Random } from "./random.ts";
import { type Incarnation, readRecords, readWhole } from "./record-reads.ts";
import { createWrite, RANGES } from "./record-writes.ts";

/** One collection of a tenant, with all clients that write it. */
export interface Slot {
  readonly tenant: string;
  /** The names that it has, one at a time. */
  readonly names: readonly [string, string];
  readonly random: Random;
  /** Undefined: it does not exist. */
  current: Incarnation | undefined;
}

export function createSlot(tenant: string, at: number, random: Random): Slot {
  const name = `tenant_${tenant}_slot${at}`;
  return { tenant, names: [`${name}a`, `${name}b`], random, current: undefined };
}

/** Writes and reads the collection, creates, renames and deletes it, until the round ends. */
export async function runSlot(round: Round, slot: Slot): Promise<void> {
  while (round.isRunning()) {
    const { random, current } = slot;
    if (!current) await createCollection(round, slot);
    else if (random.chance(0.03)) await deleteCollection(round, slot, current);
    else if (random.chance(0.04)) await renameCollection(round, slot, current);
    else await runBatch(round, slot, current);
    await sleep(random.below(60));
  }
}

/** Writes several ranges at the same time, and reads meanwhile. */
async function runBatch(round: Round, { random }: Slot, collection: Incarnation): Promise<void> {
  const ranges = Array.from({ length: RANGES }, (_, range) => range).filter(() => random.chance(0.6));
  const works = ranges.map(async (range) => {
    const write = await writeRecords(round, random, { collection, range });
    if (random.chance(0.5)) await readRecords(round, random, { collection, ids: write.ids });
  });
  if (random.chance(0.4)) works.push(readWhole(round, random, collection));
  if (random.chance(0.1)) works.push(checkName(round, random, collection));
  await Promise.all(works);
}

async function writeRecords(
  round: Round,
  random: Random,
  { collection, range }: { readonly collection: Incarnation; readonly range: number },
) {
  const write = createWrite(random, range, collection.model.exists);
  const sent = write.ids.map((id) => collection.model.send(id, write.effectOf(id)));
  const asked = await ask(round, random, {
    what: `${collection.name} ${write.what}`,
    work: (client) => write.send(client.collection(collection.id)),
  });
  round.log.count("writes");
  for (const one of sent)
    if (asked.outcome === "ok") one.ok({ certain: write.certain });
    else one[asked.outcome]();
  if (asked.outcome === "refused" && !asked.error.startsWith("ChromaRateLimitError"))
    round.log.violate(`${collection.name} ${write.what} was refused: ${asked.error}`);
  return write;
}

async function checkName(round: Round, random: Random, collection: Incarnation): Promise<void> {
  const { name, tenant, metadata } = collection;
  const asked = await ask(round, random, {
    what: `getCollection ${name}`,
    work: (client) => client.getCollection({ name, embeddingFunction: UNUSED }),
  });
  round.log.count("reads");
  if (round.log.staleSince(tenant, asked.startedAt) < asked.startedAt || asked.outcome === "unknown") return;
  if (asked.outcome === "refused") round.log.violate(`getCollection ${name} was refused: ${asked.error}`);
  else if (asked.value.metadata?.version !== metadata.version)
    round.log.violate(`${name} has version ${asked.value.metadata?.version} instead of ${metadata.version}`);
}

/** Vectors are always given, so that no text is embedded. */
const UNUSED = { name: "none", generate: () => Promise.reject(new Error("no texts are embedded")) };

let versions = 0;

async function createCollection(round: Round, slot: Slot): Promise<void> {
  const [name] = slot.names;
  const metadata = { version: ++versions };
  const asked = await ask(round, slot.random, {
    what: `create ${name}`,
    work: (client) =>
      client.createCollection({ name, metadata, embeddingFunction: null, configuration: { hnsw: { space: "l2" } } }),
  });
  round.log.count("collections created");
  if (asked.outcome === "refused" && !asked.error.startsWith("ChromaRateLimitError"))
    round.log.violate(`create ${name} was refused: ${asked.error}`);
  const id = asked.outcome === "ok" ? asked.value.id : undefined;
  if (id) slot.current = { tenant: slot.tenant, id, name, metadata, model: createModel() };
  else await findCurrent(round, slot, asked.startedAt);
}

async function deleteCollection(round: Round, slot: Slot, { name }: Incarnation): Promise<void> {
  const asked = await ask(round, slot.random, {
    what: `deleteCollection ${name}`,
    work: (client) => client.deleteCollection({ name }),
  });
  round.log.count("collections deleted");
  if (asked.outcome === "ok") slot.current = undefined;
  else await findCurrent(round, slot, asked.startedAt);
}

async function renameCollection(round: Round, slot: Slot, current: Incarnation): Promise<void> {
  const name = slot.names[current.name === slot.names[0] ? 1 : 0];
  const metadata = { version: ++versions };
  const asked = await ask(round, slot.random, {
    what: `rename ${current.name} to ${name}`,
    work: async (client) => {
      const handle = await client.getCollection({ name: current.name, embeddingFunction: UNUSED });
      await handle.modify({ name, metadata });
    },
  });
  round.log.count("collections renamed");
  if (asked.outcome === "ok") Object.assign(current, { name, metadata });
  else await findCurrent(round, slot, asked.startedAt);
}

/** Asks which collection exists after a request that may have been applied. The collection is the one before if it still exists. */
async function findCurrent(round: Round, slot: Slot, startedAt: number): Promise<void> {
  const { tenant, random, names } = slot;
  await sleep(Math.max(0, startedAt + GRACE_MS - Date.now()));
  for (;;) {
    const asked = await ask(round, random, {
      what: `find ${names[0]}`,
      work: async (client) =>
        (await client.listCollections({ limit: 1_000 })).filter(({ name }) => names.includes(name)),
    });
    if (asked.outcome === "ok" && round.log.staleSince(tenant, asked.startedAt) === asked.startedAt) {
      const [found, other] = asked.value;
      if (other) round.log.violate(`${tenant} has both ${found?.name} and ${other.name}`);
      if (!found) slot.current = undefined;
      else {
        const { name, metadata = {} } = found;
        const { id, model } = slot.current ?? { id: found.id, model: createModel() };
        slot.current = { tenant, id, name, metadata, model };
      }
      return;
    }
    if (round.log.violations.length > 0) return;
    await sleep(300);
  }
}
