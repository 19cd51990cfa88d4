import { bulkIngest } from "./ingest/bulk.ts";
import { liveIngest } from "./ingest/live.ts";
import { openCairn } from "./support/cairn.ts";
import { makeCollection } from "./support/chroma.ts";
import { makeDataset } from "./support/dataset.ts";
import type { BenchRun } from "./support/run.ts";
import { startServers } from "./support/servers.ts";
import type { Target } from "./support/target.ts";

/** Bulk ingest with precomputed vectors, compared with COPY BINARY and Chroma's `add`; then ingest during searches. */
export async function benchIngest(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const { databaseUrl } = servers;
  const cairn = await openCairn(databaseUrl);
  try {
    const { documents, queries } = makeDataset(run.size + Math.max(1_000, Math.floor(run.size / 10)));
    const newDocuments = documents.slice(run.size);
    const chroma = await makeCollection(servers.chroma.url, "bulk");
    const context = { ...run, cairn, chroma, documents: documents.slice(0, run.size) };
    const { tenantId, targets } = await bulkIngest(context);
    return [...targets, ...(await liveIngest({ ...context, databaseUrl, tenantId, newDocuments, queries }))];
  } finally {
    await cairn.close();
    await servers.stop();
  }
}
