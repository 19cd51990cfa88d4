import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import type { BenchRun } from "./bench.ts";
import { type Cairn, exactAnswers, load, makeTenant, openCairn, searcher, settle } from "./support/cairn.ts";
import { addDocuments, type ChromaCollection, makeCollection, queryChroma } from "./support/chroma.ts";
import { type BenchDocument, makeDataset, percentFilter, zipfSizes } from "./support/dataset.ts";
import { type Measured, measureInTurns, recall } from "./support/measure.ts";
import type { Target } from "./support/results.ts";
import { startServers } from "./support/servers.ts";
import { profileSlower } from "./tenants/profile.ts";
import { reportFilters, reportLatency, reportRecall } from "./tenants/report.ts";

const SMALLEST = 50; // rows

/** Of a hundred rows so many pass: fewer than a graph can be asked for, about as many, and more. */
const FILTERS = [1, 3, 10];

interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly rows: number;
  /** Its own in Chroma, and the one that all share. */
  readonly collection: ChromaCollection;
  readonly shared: ChromaCollection;
}

/** A tenant's searches as each way was seen to do them. */
export interface Seen {
  readonly tenant: Tenant;
  readonly own: Measured;
  readonly filtered: readonly Filtered[];
  readonly each: Measured;
  readonly where: Measured;
  /** Of what the tenant's own search and Chroma's found. */
  readonly recalls: readonly [own: number, chroma: number];
}

interface Filtered extends Measured {
  /** Rows of a hundred that pass. */
  readonly percent: number;
  readonly recall: number;
  /** Of Chroma with the same filter. */
  readonly each: Measured;
}

/** Every tenant size beside Chroma, both ways that people keep tenants there: recall and latency. */
export async function benchTenants(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const made = makeDataset(run.size);
    const queries = made.queries.slice(0, run.quick ? 50 : 200);
    const tenants = await fill(cairn, servers.chroma.url, made.documents);
    const seen: Seen[] = [];
    for (const tenant of pickSizes(tenants)) seen.push(await look(cairn, tenant, queries));
    return [
      ...(await reportRecall(seen, run)),
      ...(await reportLatency(seen, { ...run, profiles: await profileSlower(cairn, seen, queries) })),
      ...(await reportFilters(seen, run)),
    ];
  } finally {
    await cairn.close();
    await servers.stop();
  }
}

/** Tenants by Zipf's law and a smallest one, each in Cairn and twice in Chroma. */
async function fill(
  cairn: Cairn,
  chroma: string,
  documents: readonly BenchDocument[],
): Promise<readonly Tenant[]> {
  const shared = await makeCollection(chroma, "shared");
  const tenants: Tenant[] = [];
  let at = 0;
  for (const wanted of [SMALLEST, ...zipfSizes(documents.length - SMALLEST)]) {
    const own = documents.slice(at, at + wanted);
    at += wanted;
    if (own.length < SMALLEST) break;
    const name = `tenant-${tenants.length}`;
    const id = await makeTenant(cairn, name);
    await load(cairn, id, own);
    const collection = await makeCollection(chroma, name);
    await addDocuments(collection, own);
    await addDocuments(shared, own, { tenant: name });
    tenants.push({ id, name, rows: own.length, collection, shared });
    process.stderr.write(`\r  tenants: ${tenants.length}, ${at} rows `);
  }
  await maintainIndexes(cairn.database);
  await settle(cairn);
  return tenants;
}

/** The smallest, the largest, and some between. */
function pickSizes(tenants: readonly Tenant[]): readonly Tenant[] {
  const wanted = [SMALLEST, 200, 1_000, 4_500, Number.POSITIVE_INFINITY];
  const sorted = tenants.toSorted((a, b) => a.rows - b.rows);
  return [
    ...new Set(
      wanted.map((rows) => sorted.find((tenant) => tenant.rows >= rows) ?? (sorted.at(-1) as Tenant)),
    ),
  ];
}

async function look(cairn: Cairn, tenant: Tenant, queries: readonly Float32Array[]): Promise<Seen> {
  const { id, name, collection, shared } = tenant;
  const [own, each, where] = (await measureInTurns(queries, [
    searcher(cairn, id),
    (embedding) => queryChroma(collection, embedding),
    (embedding) => queryChroma(shared, embedding, { tenant: name }),
  ])) as [Measured, Measured, Measured];
  const truth = await exactAnswers(cairn, id, queries);
  assertComplete(own, truth);
  const filtered: Filtered[] = [];
  for (const percent of FILTERS) filtered.push(await lookFiltered(cairn, tenant, { percent, queries }));
  return {
    tenant,
    own,
    filtered,
    each,
    where,
    recalls: [recall(own.answers, truth), recall(each.answers, truth)],
  };
}

async function lookFiltered(
  cairn: Cairn,
  { id, collection }: Tenant,
  { percent, queries }: { readonly percent: number; readonly queries: readonly Float32Array[] },
): Promise<Filtered> {
  const filter = percentFilter(percent);
  const [seen, each] = (await measureInTurns(queries, [
    searcher(cairn, id, filter),
    (embedding) => queryChroma(collection, embedding, filter),
  ])) as [Measured, Measured];
  const passing = `(metadata->>'percent')::int IN (${filter.percent.$in.join()})`;
  const truth = await exactAnswers(cairn, id, queries, passing);
  assertComplete(seen, truth);
  return { ...seen, each, percent, recall: recall(seen.answers, truth) };
}

/** Never fewer rows than exist and match. */
function assertComplete({ answers }: Measured, truth: Measured["answers"]): void {
  for (const [index, ids] of truth.entries())
    if ((answers[index]?.length ?? 0) < ids.length)
      throw new Error(`A search gave ${answers[index]?.length} rows where ${ids.length} match.`);
}
