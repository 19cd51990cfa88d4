import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { ingest } from "../document/ingest.ts";
import { maintainIndexes } from "../maintenance/indexes.ts";
import { inspectCollection } from "../maintenance/inspect.ts";
import { query } from "./query.ts";

// Words of languages without spaces, in a collection with the default language.

const TEXTS: Readonly<Record<string, string>> = {
  zh: "您可以在收到商品后三十天内申请退货，我们将在五个工作日内退款。",
  "zh-hours": "我们的商店周一至周五上午九点到下午六点营业。",
  ja: "商品の返品は到着後三十日以内にお申し込みください。送料はお客様のご負担となります。",
  "ja-hours": "営業時間は平日の午前九時から午後六時までです。",
  th: "คุณสามารถคืนสินค้าได้ภายในสามสิบวันหลังจากได้รับสินค้า",
  "th-hours": "ร้านเปิดให้บริการวันจันทร์ถึงวันศุกร์",
  mixed: "Our 退货 policy: return kettles within thirty days 茶 .",
  en: "We are open on weekdays.",
};

const QUESTIONS: readonly (readonly [string, readonly string[]])[] = [
  ["退货", ["zh", "mixed"]],
  ["工作日", ["zh"]],
  ["营业", ["zh-hours"]],
  ["返品", ["ja"]],
  ["営業時間", ["ja-hours"]],
  ["送料", ["ja"]],
  ["สินค้า", ["th"]],
  ["วันจันทร์", ["th-hours"]],
  ["茶", ["mixed"]],
  ["kettle", ["mixed"]],
  ["weekday", ["en"]],
];

const own = useTestDatabase();
const tenantId = useTenant(own);

async function fill(collection: string, fillers = 0): Promise<void> {
  await createCollection(own.database, tenantId, {
    name: collection,
    embeddingModel: null,
    dimensions: 3,
    indexSettings: { threshold: 100 },
  });
  const texts = [
    ...Object.entries(TEXTS),
    ...Array.from({ length: fillers }, (_, n) => [`filler${n}`, `nothing ${n} 其他内容 別の内容 เรื่องอื่น`] as const),
  ];
  const documents = texts.map(([id, content], n) => ({
    id,
    content,
    embedding: Float32Array.of(Math.cos(n), Math.sin(n), 1),
  }));
  await ingest(own.services, tenantId, { collection, documents });
}

async function expectFound(collection: string): Promise<void> {
  for (const [text, expected] of QUESTIONS) {
    const hits = await query(own.services, tenantId, {
      collection,
      mode: "keyword",
      text,
      topK: 20,
    });
    const complete = hits.filter(({ score }) => score > 0.999).map(({ id }) => id);
    expect(complete.sort(), text).toEqual([...expected].sort());
  }
}

test("words are found in Chinese, Japanese and Thai without an index", async () => {
  await fill("plain");
  await expectFound("plain");
});

test("words are found through a keyword index, and one of an earlier version is rebuilt", async () => {
  await fill("indexed", 150);
  await maintainIndexes(own.database, { tenantId, collection: "indexed" });
  await expectFound("indexed");
  const bigrams = async () =>
    (await inspectCollection(own.database, tenantId, "indexed")).indexes
      .filter(({ kind }) => kind === "keyword")
      .map(({ settings }) => settings.bigrams);
  expect(await bigrams()).toEqual([true]);

  await asTenant(own.database, tenantId, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.collection_indexes SET settings = settings - 'bigrams' WHERE kind = 'keyword'`),
  );
  const [hit] = await query(own.services, tenantId, {
    collection: "indexed",
    mode: "keyword",
    text: "kettle",
  });
  expect(hit?.id).toBe("mixed");
  await maintainIndexes(own.database, { tenantId, collection: "indexed" });
  expect(await bigrams()).toEqual([true]);
  await expectFound("indexed");
});

test("a text with a vector and more words than a tsvector can hold is refused, and the others are stored", async () => {
  await createCollection(own.database, tenantId, { name: "large", embeddingModel: null, dimensions: 3 });
  const embedding = Float32Array.of(1, 2, 3);
  const han = (n: number, length: number) => String.fromCodePoint(0x4e00 + n).repeat(length);
  const words = Array.from({ length: 16_000 }, (_, n) => `${han(n, 6)}-${han(n + 7, 5)}`).join(" ");
  const { ids, failed } = await ingest(own.services, tenantId, {
    collection: "large",
    documents: [
      { id: "small", content: "a kettle", embedding },
      { id: "large", content: words, embedding },
      { id: "repeated", content: "kettle ".repeat(100_000), embedding },
    ],
  });
  expect(ids).toEqual(["small", "repeated"]);
  expect(failed).toEqual([
    { id: "large", code: "invalid_input", message: expect.stringMatching(/more distinct words.*Split/) },
  ]);
  const hits = await query(own.services, tenantId, {
    collection: "large",
    mode: "keyword",
    text: "kettle",
  });
  expect(hits.map(({ id }) => id).sort()).toEqual(["repeated", "small"]);
});

test.each([
  ["words", Array.from({ length: 60_000 }, (_, n) => `слово${n}`).join(" ")],
  ["compounds", Array.from({ length: 60_000 }, (_, n) => `ab${n}-c${n}`).join(" ")],
  ["Chinese", Array.from({ length: 300_000 }, (_, n) => String.fromCodePoint(0x4e00 + ((n * 7919) % 20_000))).join("")],
  ["emoji", Array.from({ length: 200_000 }, (_, n) => `${String.fromCodePoint(0x1f300 + (n % 700))}x${n}`).join(" ")],
])("a text with more %s than a tsvector can hold is searched by its beginning", async (_, text) => {
  const [row] = await asTenant(own.database, tenantId, ({ orm }) =>
    selectRows<{ words: number }>(
      orm,
      sql`SELECT length(cairn.keyword_vector('english'::regconfig, ${text}))::int AS words`,
    ),
  );
  expect(row?.words).toBeGreaterThan(1_000);
});
