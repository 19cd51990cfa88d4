import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { type Cairn, exactNeighbors, load, makeTenant, openCairn, searcher, settle } from "./support/cairn.ts";
import { addDocuments, makeCollection, queryChroma } from "./support/chroma.ts";
import { type BenchDocument, makeDataset, percentFilter, zipfSizes } from "./support/dataset.ts";
import { type Measured, measureInTurns, recall } from "./support/measure.ts";
import type { BenchRun } from "./support/run.ts";
import { startServers } from "./support/servers.ts";
import type { Target } from "./support/target.ts";
import type { FilteredMeasurement, Tenant, TenantMeasurement } from "./tenants/measurement.ts";
import { profileSlowSearches } from "./tenants/profiles.ts";
import { reportFilters, reportLatency, reportRecall } from "./tenants/report.ts";

const SMALLEST_TENANT_ROWS = 50;

/** Selectivity of the filters, in percent: the HNSW index returns too few, about enough and more than enough matching rows. */
const SELECTIVITIES = [1, 3, 10];

/** Recall and latency by tenant size, compared with both usual ways of keeping tenants in Chroma. */
export async function benchTenants(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const dataset = makeDataset(run.size);
    const queries = dataset.queries.slice(0, run.quick ? 50 : 200);
    const tenants = await fill(cairn, servers.chroma.url, dataset.documents);
    const measurements: TenantMeasurement[] = [];
    for (const tenant of pickSizes(tenants)) measurements.push(await measureTenant(cairn, tenant, queries));
    const profiles = await profileSlowSearches(cairn, measurements, queries);
    return [
      ...(await reportRecall(measurements, run)),
      ...(await reportLatency(measurements, { ...run, profiles })),
      ...(await reportFilters(measurements, run)),
    ];
  } finally {
    await cairn.close();
    await servers.stop();
  }
}

/** Creates tenants with sizes by Zipf's law and one of the smallest size, each in Cairn and twice in Chroma. */
async function fill(cairn: Cairn, chroma: string, documents: readonly BenchDocument[]): Promise<readonly Tenant[]> {
  const shared = await makeCollection(chroma, "shared");
  const tenants: Tenant[] = [];
  let at = 0;
  for (const size of [SMALLEST_TENANT_ROWS, ...zipfSizes(documents.length - SMALLEST_TENANT_ROWS)]) {
    const tenantDocuments = documents.slice(at, at + size);
    at += size;
    if (tenantDocuments.length < SMALLEST_TENANT_ROWS) break;
    const name = `tenant-${tenants.length}`;
    const id = await makeTenant(cairn, name);
    await load(cairn, id, tenantDocuments);
    const collection = await makeCollection(chroma, name);
    await addDocuments(collection, tenantDocuments);
    await addDocuments(shared, tenantDocuments, { tenant: name });
    tenants.push({ id, name, rows: tenantDocuments.length, collection, shared });
    process.stderr.write(`\r  tenants: ${tenants.length}, ${at} rows `);
  }
  await maintainIndexes(cairn.database);
  await settle(cairn);
  return tenants;
}

/** The smallest tenant, the largest, and three between them. */
function pickSizes(tenants: readonly Tenant[]): readonly Tenant[] {
  const minimums = [SMALLEST_TENANT_ROWS, 200, 1_000, 4_500, Number.POSITIVE_INFINITY];
  const sorted = tenants.toSorted((a, b) => a.rows - b.rows);
  return [
    ...new Set(minimums.map((rows) => sorted.find((tenant) => tenant.rows >= rows) ?? (sorted.at(-1) as Tenant))),
  ];
}

async function measureTenant(
  cairn: Cairn,
  tenant: Tenant,
  queries: readonly Float32Array[],
): Promise<TenantMeasurement> {
  const { id, name, collection, shared } = tenant;
  const [ofCairn, perTenant, where] = (await measureInTurns(queries, [
    searcher(cairn, id),
    (embedding) => queryChroma(collection, embedding),
    (embedding) => queryChroma(shared, embedding, { tenant: name }),
  ])) as [Measured, Measured, Measured];
  const truth = await exactNeighbors(cairn, id, queries);
  assertComplete(ofCairn, truth);
  const filtered: FilteredMeasurement[] = [];
  for (const percent of SELECTIVITIES) filtered.push(await measureFiltered(cairn, tenant, { percent, queries }));
  return {
    tenant,
    cairn: ofCairn,
    filtered,
    perTenant,
    where,
    cairnRecall: recall(ofCairn.results, truth),
    chromaRecall: recall(perTenant.results, truth),
  };
}

async function measureFiltered(
  cairn: Cairn,
  { id, collection }: Tenant,
  { percent, queries }: { readonly percent: number; readonly queries: readonly Float32Array[] },
): Promise<FilteredMeasurement> {
  const filter = percentFilter(percent);
  const [ofCairn, chroma] = (await measureInTurns(queries, [
    searcher(cairn, id, filter),
    (embedding) => queryChroma(collection, embedding, filter),
  ])) as [Measured, Measured];
  const condition = `(metadata->>'percent')::int IN (${filter.percent.$in.join()})`;
  const truth = await exactNeighbors(cairn, id, queries, condition);
  assertComplete(ofCairn, truth);
  return { ...ofCairn, chroma, percent, recall: recall(ofCairn.results, truth) };
}

/** Throws if a search returned fewer rows than exist and match. */
function assertComplete({ results }: Measured, truth: Measured["results"]): void {
  for (const [index, ids] of truth.entries())
    if ((results[index]?.length ?? 0) < ids.length)
      throw new Error(`A search returned ${results[index]?.length} rows, but ${ids.length} match.`);
}
