import { createCollection } from "@cairn/core/collection/create.ts";
import { connectPglite } from "@cairn/core/database/pglite.ts";
import { migrateSchema } from "@cairn/core/database/schema-migrations.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import { meanScores, type Scores, scoreRanking } from "@cairn/core/evaluation/metrics.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { query } from "@cairn/core/search/query.ts";
import type { Services } from "@cairn/core/services.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { cranfield, type JudgedSet, paraphrases } from "./quality/sets.ts";
import { textTime } from "./quality/text-time.ts";
import { round } from "./support/measure.ts";
import { report } from "./support/results.ts";
import type { BenchRun } from "./support/run.ts";
import type { Target } from "./support/target.ts";

const MODELS = ["offline/words", "bundled/glove-50k", "bundled/use-lite"];
const MODES = ["vector", "keyword", "hybrid"] as const;

/**
 * Retrieval quality of the models that need no key, on the embedded database: questions in other words than the texts, and the
 * Cranfield collection in the folder CAIRN_BENCH_CRANFIELD, if it is set.
 */
export async function benchQuality(run: BenchRun): Promise<readonly Target[]> {
  const folder = process.env.CAIRN_BENCH_CRANFIELD;
  const collections = [
    { name: "paraphrased questions", sets: await paraphrases() },
    ...(folder ? [{ name: "Cranfield", sets: [await cranfield(folder)] }] : []),
  ];
  const table: Record<string, string | number>[] = [];
  for (const { name, sets } of collections) {
    const byVariant = await measure(sets);
    for (const [variant, qualities] of byVariant) {
      const { ndcg, recall, mrr } = meanScores(qualities);
      const row = { "nDCG@10": round(ndcg, 3), "recall@10": round(recall, 3), MRR: round(mrr, 3) };
      table.push({ set: name, variant, questions: qualities.length, ...row });
    }
  }
  const texts = collections.flatMap(({ sets }) =>
    sets.flatMap(({ documents }) => documents.map(({ content }) => content)),
  );
  for (const model of MODELS) {
    const { p50, p95 } = await textTime(model, texts);
    table.push({ set: "time of a text, ms", variant: model, p50: round(p50, 2), p95: round(p95, 2) });
  }
  const targets = targetsOf((model) => Number(table.find(({ variant }) => variant === `${model}, vector`)?.MRR));
  await report({ bench: "quality", title: "Retrieval quality without a key", table, targets }, run);
  return targets;
}

/** `mrr`: the mean reciprocal rank of a model for the paraphrased questions. */
function targetsOf(mrr: (model: string) => number): readonly Target[] {
  const words = mrr("offline/words");
  return [
    {
      what: "paraphrased questions: MRR of bundled/use-lite to that of offline/words",
      value: round(mrr("bundled/use-lite") / words),
      target: 1.5,
      better: "higher",
      usual: 1.8,
    },
    {
      what: "paraphrased questions: gain in MRR by bundled/glove-50k to that by bundled/use-lite",
      value: round((mrr("bundled/glove-50k") - words) / (mrr("bundled/use-lite") - words)),
      target: 0.5,
      better: "higher",
      usual: 0.66,
    },
  ];
}

/** The quality for each question, by variant. Each set is a tenant of its own. */
async function measure(sets: readonly JudgedSet[]): Promise<ReadonlyMap<string, readonly Scores[]>> {
  const database = await connectPglite();
  const services: Services = { database, embedders: createEmbedders({ bundledByDefault: true }) };
  const qualities = new Map<string, Scores[]>();
  try {
    await migrateSchema(database);
    for (const { name, documents, questions } of sets) {
      const { id: tenantId } = await createTenant(database, { name });
      for (const model of MODELS) {
        await createCollection(database, tenantId, { name: model, embeddingModel: model, dimensions: 1536 });
        for (let at = 0; at < documents.length; at += 100) {
          process.stderr.write(`\r  ${name}, ${model}: ${at}/${documents.length}   `);
          await ingest(services, tenantId, { collection: model, documents: documents.slice(at, at + 100) });
        }
        await maintainIndexes(database, { tenantId });
        const modes = MODES.filter((mode) => mode !== "keyword" || model === MODELS[0]); // it uses no model
        for (const mode of modes)
          for (const question of questions) {
            const options = { collection: model, text: question.text, topK: 10, mode, groupBy: "document" } as const;
            const hits = await query(services, tenantId, options);
            const variant = mode === "keyword" ? "keyword" : `${model}, ${mode}`;
            const all = qualities.get(variant) ?? [];
            qualities.set(variant, all);
            const ids = hits.map(({ id }) => id);
            all.push(scoreRanking(ids, question.gains, 10));
          }
      }
    }
  } finally {
    process.stderr.write("\n");
    await database.close();
  }
  return qualities;
}
