import { migrate } from "@cairn/chroma/migrate.ts";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import { describe, expect, onTestFinished, test } from "vitest";
import { startEmbeddingApi } from "./support/embedding-api.ts";
import { RECORDS, useFailingCollection } from "./support/failing-collection.ts";
import { plainRecords, putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { openTestSource } from "./support/migration.ts";
import { always, type Fault, isFetch } from "./support/proxy.ts";

const testDb = useTestDatabase();
const fixture = useFailingCollection(testDb);
const { expectOthersDone, forFailing, ledger, migrateNow } = fixture;

describe("a model's server", () => {
  async function embedding(model: string) {
    const api = await startEmbeddingApi({ dimensions: 8 });
    onTestFinished(() => api.stop());
    const embedders = createEmbedders({
      openai: { baseUrl: api.url, apiKey: "k" },
      defaultModel: model,
      defaultDimensions: 8,
      requests: { attempts: 2, backoff: 5, deadline: 2_000 },
    });
    const options = {
      databaseName: "test",
      cairnVersion: "0",
      queries: 0,
      pageSize: 40,
      scope: { databases: [fixture.scope] },
    };
    const source = await openTestSource(fixture.proxy.url);
    return {
      api,
      run: (more: object) => migrate({ ...testDb.services, embedders }, source, { ...options, ...more }),
    };
  }

  test("that fails stops the collections that need it, and copied collections continue", async () => {
    const { api, run } = await embedding("openai/own");
    await run({ only: [fixture.failing.name], reEmbed: "always", model: "openai/own" });
    await putRecords(fixture.failing, plainRecords(5, 4, "more-"));
    api.always({ kind: "status", status: 503 });
    const report = await run({});
    expect(report.differences).toMatchObject([
      { collection: fixture.failing.name, kind: "failed", detail: expect.stringContaining("503") },
    ]);
    await expectOthersDone();
    api.always(null);
    expect(await run({})).toMatchObject({ verdict: "identical", totals: { written: 5 } });
  });

  test("that fails stops the run if every collection needs it", async () => {
    const { api, run } = await embedding("openai/own");
    api.always({ kind: "quota" });
    const all = { reEmbed: "always", model: "openai/own" };
    await expect(run(all)).rejects.toMatchObject({ code: "embedding_quota" });
    expect(api.requests.length).toBeLessThanOrEqual(2); // of the collections in progress
    expect(await ledger()).toMatchObject({ status: "failed", finished: false });
    api.always(null);
    expect(await run(all)).toMatchObject({ verdict: "identical" });
  });
});

describe("an error that affects everything stops the run at once", () => {
  const faults: readonly (readonly [string, Fault, string])[] = [
    ["Chroma fails for all records", { kind: "answer", status: 503 }, "source_unavailable"],
    ["Chroma refuses the login", { kind: "answer", status: 401 }, "source_unavailable"],
    ["Chroma refuses all pages", { kind: "answer", status: 422 }, "source_invalid"],
  ];
  test.each(faults)("%s", async (_name, fault, code) => {
    fixture.proxy.rules = [always(fault, isFetch)];
    await expect(migrateNow()).rejects.toMatchObject({ code });
    expect(await ledger()).toMatchObject({ status: "failed", finished: false });
    fixture.proxy.rules = [];
    expect(await migrateNow()).toMatchObject({ verdict: "identical", totals: { written: 3 * RECORDS } });
  });

  test("Chroma refuses the login for one collection", async () => {
    fixture.proxy.rules = [forFailing({ kind: "answer", status: 401 })];
    await expect(migrateNow()).rejects.toMatchObject({ code: "source_unavailable" });
  });
});
