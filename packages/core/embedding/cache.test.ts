import { randomUUID } from "node:crypto";
import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { startEmbeddingApi, vectorOf } from "../../../test/support/embedding-api.ts";
import { unusable } from "../../../test/support/embedding-dialects.ts";
import { useServer, useTestDatabase } from "../../../test/support/fixture.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { contentHash, embedWithCache } from "./cache.ts";
import { createOfflineEmbedder } from "./offline.ts";
import { createOpenAiEmbedder } from "./openai.ts";
import type { OpenAiOptions } from "./openai-options.ts";

const DIMENSIONS = 16;
const texts = Array.from({ length: 7 }, (_, index) => `passage number ${index}`);

const testDatabase = useTestDatabase();
const api = useServer(startEmbeddingApi);

async function createTenant(): Promise<string> {
  const id = randomUUID();
  await testDatabase.database.transaction(({ orm }) =>
    orm.execute(sql`INSERT INTO cairn.tenants (id, name) VALUES (${id}::uuid, ${id})`),
  );
  return id;
}

const model = "openai/text-embedding-3-small";
const embedder = (options: Partial<OpenAiOptions> = {}) =>
  createOpenAiEmbedder({
    model,
    remoteModel: "text-embedding-3-small",
    apiKey: "k",
    baseUrl: api.url,
    backoff: 5,
    maxInputs: 2,
    ...options,
  });

/** The texts that were sent to the server while `work` ran. */
async function sentBy(work: () => Promise<unknown>): Promise<readonly string[]> {
  const before = api.requests.length;
  await work();
  return api.requests.slice(before).flatMap(({ input }) => input);
}

const rowsOf = (tenant: string) =>
  asTenant(testDatabase.database, tenant, ({ orm }) =>
    selectRows<{ model: string; dimensions: number }>(orm, sql`SELECT model, dimensions FROM cairn.embedding_cache`),
  );

test("each distinct text is embedded only once, and vectors are returned in order and bit for bit", async () => {
  const tenant = await createTenant();
  const { database } = testDatabase;
  const requested = ["b", "a", "b", "", "c"].map((letter) => `text ${letter}`);
  const run = (list: readonly string[]) =>
    embedWithCache(database, tenant, embedder(), list, { dimensions: DIMENSIONS });
  const expected = requested.map((text) => vectorOf(text, DIMENSIONS));

  expect(await sentBy(async () => expect(await run(requested)).toEqual(expected))).toEqual([
    "text b",
    "text a",
    "text ",
    "text c",
  ]);
  expect(await sentBy(async () => expect(await run(requested)).toEqual(expected))).toEqual([]);
  expect(await sentBy(() => run([...requested, "text d"]))).toEqual(["text d"]);
  expect(await rowsOf(tenant)).toHaveLength(5);
  expect(await run([])).toEqual([]);
});

test("other tenants, models and dimensions share no cached vectors", async () => {
  const [tenant, otherTenant] = [await createTenant(), await createTenant()];
  const run = (tenantId: string, dimensions: number, options?: Partial<OpenAiOptions>) =>
    sentBy(() => embedWithCache(testDatabase.database, tenantId, embedder(options), ["shared"], { dimensions }));
  expect(await run(tenant, 16)).toEqual(["shared"]);
  expect(await run(otherTenant, 16)).toEqual(["shared"]);
  expect(await run(tenant, 8)).toEqual(["shared"]);
  expect(await run(tenant, 16, { model: "local/text-embedding-3-small" })).toEqual(["shared"]);
  expect(await run(tenant, 16)).toEqual([]);
  expect(await rowsOf(otherTenant)).toEqual([{ model, dimensions: 16 }]);
});

test.each([
  ["an exhausted quota", { kind: "quota" }, "embedding_quota"],
  ["a server that fails", { kind: "status", status: 500 }, "embedding_failed"],
  ["a rate limit of two minutes", { kind: "rate_limit", retryAfter: "120" }, "embedding_failed"],
  ["a server that hangs", { kind: "hang" }, "embedding_failed"],
] as const)(
  "after %s, paid vectors are kept and the next run sends only the remaining texts",
  async (_, fault, code) => {
    const tenant = await createTenant();
    const run = (options?: Partial<OpenAiOptions>) =>
      embedWithCache(testDatabase.database, tenant, embedder(options), texts, { dimensions: DIMENSIONS });
    api.script(null, null);
    api.always(fault);
    await expect(run({ deadline: 3000, attemptTimeout: 500, attempts: 2 })).rejects.toMatchObject({ code });
    expect(await rowsOf(tenant)).toHaveLength(4);
    api.always(null);
    expect(
      await sentBy(async () => expect(await run()).toEqual(texts.map((text) => vectorOf(text, DIMENSIONS)))),
    ).toEqual(texts.slice(4));
  },
);

test("a short or broken reply leaves no vector of its batch in the cache", async () => {
  for (const fault of [{ kind: "short" }, { kind: "half_json" }] as const) {
    const tenant = await createTenant();
    api.script(fault, fault); // the second for the probe that distinguishes a server's fault from a text's
    const run = embedWithCache(testDatabase.database, tenant, embedder({ attempts: 1 }), ["one", "two"], {
      dimensions: DIMENSIONS,
    });
    await expect(run).rejects.toMatchObject({ code: "embedding_failed" });
    expect(await rowsOf(tenant)).toEqual([]);
  }
});

test("a vector that is null, not finite, all zeros or too short to compare is not cached, and its text is sent again", async () => {
  const kinds = {
    zero: (at: number) => at * 0,
    tiny: () => 1e-25,
    huge: () => 1e30,
    overflow: () => 1e39,
    null: () => null,
  };
  const server = await startEmbeddingApi({
    dialect: unusable((text) => {
      const write = kinds[text as keyof typeof kinds];
      return write && Array.from({ length: DIMENSIONS }, (_, at) => write(at));
    }),
  });
  const tenant = await createTenant();
  const list = ["good", ...Object.keys(kinds), "better"];
  const run = () =>
    embedWithCache(
      testDatabase.database,
      tenant,
      embedder({ baseUrl: server.url, attempts: 1, maxInputs: 2048 }),
      list,
      {
        dimensions: DIMENSIONS,
      },
    );
  for (let round = 0; round < 2; round++) {
    const result = await run();
    expect(result[0]).toEqual(vectorOf("good", DIMENSIONS));
    expect(result.at(-1)).toEqual(vectorOf("better", DIMENSIONS));
    for (const rejected of result.slice(1, -1)) expect(rejected).toMatchObject({ code: "embedding_failed" });
    expect(await rowsOf(tenant)).toHaveLength(2);
  }
  await server.stop();
});

test("a vector of zeros that an earlier version cached is not used", async () => {
  const tenant = await createTenant();
  await asTenant(testDatabase.database, tenant, ({ orm }) =>
    orm.execute(sql`INSERT INTO cairn.embedding_cache (tenant_id, model, dimensions, content_hash, embedding)
      VALUES (${tenant}::uuid, ${model}, 3, ${contentHash("text")}, '[0,0,0]')`),
  );
  const [vector] = await embedWithCache(testDatabase.database, tenant, embedder(), ["text"], {
    dimensions: 3,
  });
  expect(vector).toEqual(vectorOf("text", 3));
});

test("a rejected text returns the reason, and the other texts return their vectors", async () => {
  const tenant = await createTenant();
  const run = (list: readonly string[]) =>
    embedWithCache(testDatabase.database, tenant, embedder(), list, { dimensions: DIMENSIONS });
  await run(["known"]);
  const list = ["known", "known", "new", "", "more"];
  const sent = await sentBy(async () => {
    const result = await run(list);
    expect(result[3]).toMatchObject({ code: "invalid_input" });
    expect(result.toSpliced(3, 1)).toEqual(list.toSpliced(3, 1).map((text) => vectorOf(text, DIMENSIONS)));
  });
  expect(sent).toEqual(["new", "more"]);
});

test("vectors of an embedder that costs nothing are not cached", async () => {
  const tenant = await createTenant();
  const vectors = await embedWithCache(testDatabase.database, tenant, createOfflineEmbedder(), ["a", "a"], {
    dimensions: DIMENSIONS,
  });
  expect(vectors[0]).toEqual(vectors[1]);
  expect(await rowsOf(tenant)).toEqual([]);
});

test("2,500 texts are read back in pages", async () => {
  const tenant = await createTenant();
  const many = Array.from({ length: 2500 }, (_, index) => `row ${index}`);
  const run = () =>
    embedWithCache(testDatabase.database, tenant, embedder({ maxInputs: 2048 }), many, {
      dimensions: DIMENSIONS,
    });
  const first = await run();
  expect(await sentBy(async () => expect(await run()).toEqual(first))).toEqual([]);
});

test("contentHash() is the SHA-256 of the text's UTF-8", () => {
  expect(contentHash("abc").toString("hex")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect(contentHash("ü")).toHaveLength(32);
});
