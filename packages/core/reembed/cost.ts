import { sql } from "drizzle-orm";
import { inCollection } from "../collection/collection.ts";
import { getCollection } from "../collection/get.ts";
import { decodeText } from "../database/text.ts";
import { asTenant } from "../database/transaction.ts";
import { countTextTokens } from "../embedding/batch.ts";
import { modelDimensions } from "../embedding/models.ts";
import type { Services } from "../services.ts";

/** What a change of model would embed. */
export interface ModelChangeCost {
  readonly collection: string;
  readonly model: string;
  /** Passages with a text. */
  readonly passages: number;
  /** Estimated from a sample. */
  readonly tokens: number;
  /** Seconds of embedding, estimated from a sample that was embedded. Null: there is no text. */
  readonly seconds: number | null;
}

/** Passages whose tokens are counted. */
const COUNTED = 200;

/** Passages that are embedded to estimate the time. */
const EMBEDDED = 16;

const FALLBACK_DIMENSIONS = 1_536;

/**
 * The cost of `changeModel`: passages, tokens and time. Embeds up to 16 passages and stores nothing. Throws `not_found`, and
 * the model's errors.
 */
export async function modelChangeCost(
  { database, embedders }: Services,
  tenantId: string,
  {
    collection: name,
    model,
    signal,
  }: { readonly collection?: string; readonly model: string; readonly signal?: AbortSignal },
): Promise<ModelChangeCost> {
  const collection = await getCollection(database, tenantId, name);
  const embedder = embedders.get(model);
  const withText = sql`${inCollection(collection)} AND content IS NOT NULL`;
  const { total, sample } = await asTenant(database, tenantId, async ({ orm }) => {
    const [row] = await orm.selectRows<{ passages: number; characters: number }>(sql`
      SELECT count(*)::float8 AS passages, coalesce(sum(length(content)), 0)::float8 AS characters
      FROM cairn.documents WHERE ${withText}`);
    const rows = await orm.selectRows<{ content: string }>(
      sql`SELECT content FROM cairn.documents WHERE ${withText} ORDER BY md5(id), chunk LIMIT ${COUNTED}::int`,
    );
    return { total: row ?? { passages: 0, characters: 0 }, sample: rows.map(({ content }) => decodeText(content)) };
  });
  const texts = sample.filter((text) => text.trim() !== "");
  const counts = await countTextTokens(texts);
  const tokens = counts.reduce((sum, count) => sum + count, 0);
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  const estimate = characters === 0 ? 0 : (tokens / characters) * total.characters;
  const first = texts.slice(0, EMBEDDED);
  const options = { dimensions: modelDimensions(model) ?? collection.dimensions ?? FALLBACK_DIMENSIONS, signal };
  if (first.length > 0) await embedder.embed(first.slice(0, 1), options); // loads the model
  const startedAt = performance.now();
  if (first.length > 0) await embedder.embed(first, options);
  const seconds = ((performance.now() - startedAt) / 1000) * (total.passages / Math.max(1, first.length));
  return {
    collection: collection.name,
    model,
    passages: total.passages,
    tokens: Math.round(estimate),
    seconds: first.length === 0 ? null : Math.round(seconds * 10) / 10,
  };
}
