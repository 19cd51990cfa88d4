import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import type { BenchRun } from "./bench.ts";
import { exactAnswers, load, makeTenant, openCairn, searcher } from "./support/cairn.ts";
import { addDocuments, makeCollection, queryChroma } from "./support/chroma.ts";
import { makeDataset, ONE_PERCENT, zipfSizes } from "./support/dataset.ts";
import { type Measured, measureInTurns, recall, round } from "./support/measure.ts";
import { report, type Target } from "./support/results.ts";
import { startServers } from "./support/servers.ts";

const WAYS = ["Cairn", "Chroma, a collection each", "Chroma, one collection and where"] as const;

/** Every tenant size beside Chroma, both ways that people keep tenants there: recall and latency. */
export async function benchTenants({ size, quick, machine }: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const { documents, queries: all } = makeDataset(size);
    const queries = all.slice(0, quick ? 50 : 200);
    const shared = await makeCollection(servers.chroma.url, "shared");
    const tenants = [];
    let at = 0;
    for (const [rank, wanted] of zipfSizes(size).entries()) {
      const own = documents.slice(at, at + wanted);
      at += wanted;
      if (own.length === 0) break;
      const name = `tenant-${rank}`;
      const id = await makeTenant(cairn, name);
      await load(cairn, id, own);
      const collection = await makeCollection(servers.chroma.url, name);
      await addDocuments(collection, own);
      await addDocuments(shared, own, { tenant: name });
      tenants.push({ id, name, collection, rows: own.length });
      process.stderr.write(`\r  tenants: ${rank + 1}, ${at} rows `);
    }
    await maintainIndexes(cairn.database, { workers: 1 });
    await cairn.raw.query("ANALYZE cairn.documents (tenant_id, collection_id, segment)");
    const chosen = pickSizes(tenants);
    const table = [];
    const points: (readonly [number, Measured])[][] = WAYS.map(() => []);
    const recalls: number[] = [];
    const ratios: number[] = [];
    for (const { id, name, collection, rows } of chosen) {
      const ways = await measureInTurns(queries, [
        searcher(cairn, id),
        (embedding) => queryChroma(collection, embedding),
        (embedding) => queryChroma(shared, embedding, { tenant: name }),
      ]);
      const truth = await exactAnswers(cairn, id, queries);
      const percent = await exactAnswers(cairn, id, queries, `metadata @> '${JSON.stringify(ONE_PERCENT)}'`);
      const [filtered] = await measureInTurns(queries, [searcher(cairn, id, ONE_PERCENT)]);
      const [own, each, one] = ways as [Measured, Measured, Measured];
      if (!filtered) continue;
      assertComplete(own, truth);
      assertComplete(filtered, percent);
      recalls.push(recall(own.answers, truth), recall(filtered.answers, percent));
      for (const other of [each, one]) ratios.push(other.p50 / own.p50, other.p95 / own.p95);
      for (const [index, way] of ways.entries()) points[index]?.push([rows, way]);
      table.push({
        "rows of the tenant": rows,
        "recall@10": round(recall(own.answers, truth), 4),
        "with a 1 % filter": round(recall(filtered.answers, percent), 4),
        "Chroma's": round(recall(each.answers, truth), 4),
        "p50, ms": round(own.p50),
        "p95, ms": round(own.p95),
        "filtered p50, ms": round(filtered.p50),
        "Chroma each, p50": round(each.p50),
        "Chroma each, p95": round(each.p95),
        "Chroma where, p50": round(one.p50),
        "Chroma where, p95": round(one.p95),
      });
    }
    const targets: readonly Target[] = [
      {
        what: "least mean recall@10 of any tenant size, with and without a 1 % filter",
        value: round(Math.min(...recalls), 4),
        target: 0.99,
        better: "higher",
        floor: 0.99,
      },
      {
        what: "Chroma's latency / Cairn's, the least of every row, p50 and p95",
        value: round(Math.min(...ratios)),
        target: 1,
        better: "higher",
        floor: 0.5,
      },
    ];
    await report(
      {
        bench: "tenants",
        title: "A tenant's search by its size, all tenants in one database",
        table,
        targets,
        plots: [
          {
            title: "Median latency by tenant size",
            x: { label: "rows of the tenant", log: true },
            y: { label: "p50, ms", log: true },
            series: WAYS.map((name, index) => ({
              name,
              points: (points[index] ?? []).map(([rows, { p50 }]) => [rows, p50] as const),
            })),
          },
        ],
      },
      { size, machine },
    );
    return targets;
  } finally {
    await cairn.close();
    await servers.stop();
  }
}

/** The smallest, the largest, and some between. */
function pickSizes<T extends { readonly rows: number }>(tenants: readonly T[]): readonly T[] {
  const wanted = [50, 200, 1_000, 4_500, Number.POSITIVE_INFINITY];
  const sorted = tenants.toSorted((a, b) => a.rows - b.rows);
  return [
    ...new Set(wanted.map((rows) => sorted.find((tenant) => tenant.rows >= rows) ?? (sorted.at(-1) as T))),
  ];
}

/** Never fewer rows than exist and match. */
function assertComplete({ answers }: Measured, truth: Measured["answers"]): void {
  for (const [index, ids] of truth.entries())
    if ((answers[index]?.length ?? 0) < ids.length)
      throw new Error(`A search gave ${answers[index]?.length} rows where ${ids.length} match.`);
}
