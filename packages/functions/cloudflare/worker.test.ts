import { gzipSync } from "node:zlib";
import { createJob, getJob, type Job, type JobAddress } from "@cairn/core/job/job.ts";
import { createApiKey, listApiKeys } from "@cairn/core/tenant/api-key.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import type { Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startChatApi } from "../../../test/support/chat-api.ts";
import { bundleWorker, startWorker } from "../../../test/support/cloudflare-worker.ts";
import { serverUrl } from "../../../test/support/database.ts";
import { useServer, useTestDatabase } from "../../../test/support/fixture.ts";
import { startIssuer } from "../../../test/support/issuer.ts";
import { startNeonRelay } from "../../../test/support/neon-relay.ts";

test("the bundle is smaller than the 3 MB that Cloudflare's free plan allows, compressed", async () => {
  expect(gzipSync(await bundleWorker(1)).length).toBeLessThan(3_000_000);
});

describe.runIf(serverUrl())("on workerd, through Neon's driver", () => {
  const testDatabase = useTestDatabase();
  const relay = useServer(startNeonRelay);
  const chat = useServer(startChatApi);
  const issuer = useServer(startIssuer);
  let worker: Miniflare;
  const deadLetters: unknown[] = [];
  const tenants: { readonly id: string; readonly key: string }[] = [];
  beforeAll(async () => {
    for (const name of ["acme", "globex"]) {
      const { id } = await createTenant(testDatabase.database, { name });
      const { secret } = await createApiKey(testDatabase.database, id, {
        scopes: ["read", "write", "admin"],
      });
      tenants.push({ id, key: secret });
    }
    worker = await startWorker({
      relayPort: relay.port,
      bindings: {
        DatabaseUrl: testDatabase.url as string,
        ChatApiKey: "sk-speaks",
        CAIRN_CHAT_BASE_URL: chat.url,
        CAIRN_CHAT_MODEL: "scripted",
        CAIRN_MAX_BODY: 4_000_000,
        ...issuer.variables,
        CAIRN_EMBEDDING_MODEL: "offline/words",
      },
      onDeadLetter: (message) => deadLetters.push(message),
    });
    await worker.ready;
  });
  afterAll(() => worker?.dispose());

  async function call(tenant: number, method: string, path: string, body?: object, token?: string) {
    const response = await worker.dispatchFetch(`http://api${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token ?? tenants[tenant]?.key}`,
        "content-type": "application/json",
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    return { status: response.status, text, json: () => JSON.parse(text) };
  }

  async function waitForJob(address: JobAddress): Promise<Job> {
    for (;;) {
      const job = await getJob(testDatabase.database, address);
      if (job.status !== "in_progress") return job;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  test("concurrent ingests and queries of two tenants stay isolated", async () => {
    expect(await call(0, "GET", "/ready")).toMatchObject({ status: 200 });
    const write = (tenant: number, n: number) =>
      call(tenant, "POST", "/v1/documents", {
        documents: [{ id: `d${n}`, content: `Tenant ${tenant} says return within ${n} days.` }],
      });
    const written = await Promise.all([1, 2, 3, 4].flatMap((n) => [write(0, n), write(1, n)]));
    expect(written.map(({ status }) => status)).toEqual(Array(8).fill(200));
    const found = await Promise.all(
      Array.from({ length: 20 }, (_, n) => call(n % 2, "POST", "/v1/query", { query: "return", top_k: 10 })),
    );
    for (const [n, { json }] of found.entries()) {
      const { hits } = json();
      expect(hits).toHaveLength(4);
      for (const { content } of hits) expect(content).toContain(`Tenant ${n % 2} `);
    }
    const [key] = await listApiKeys(testDatabase.database, tenants[0]?.id as string);
    expect(key?.lastUsedAt, "work after the response also runs").toBeInstanceOf(Date);
  });

  test("a collection can be written while it is searched, sequentially and concurrently", async () => {
    const write = (n: number) =>
      call(0, "POST", "/v1/documents", {
        documents: [{ id: `again${n}`, content: "Written while it is searched." }],
      });
    const search = () => call(0, "POST", "/v1/query", { query: "searched" });
    for (let n = 0; n < 3; n++) {
      expect((await write(n)).status).toBe(200);
      expect((await search()).status).toBe(200);
    }
    const both = [3, 4, 5, 6].flatMap((n) => [write(n), search()]);
    for (const { status } of await Promise.all(both)) expect(status).toBe(200);
  }, 10_000);

  test("uploaded text files become documents, and a PDF is refused with what to do", async () => {
    const form = new FormData();
    form.append("file", new File(["---\ntopic: hours\n---\n# Hours\n\nNine to five."], "hours.md"));
    form.append("file", new File(["id,text\nk1,A kettle.\n"], "kettles.csv"));
    form.append("file", new File(["%PDF-1.7\n"], "handbook.pdf"));
    const request = new Request("http://api/v1/files", { method: "POST", body: form });
    const response = await worker.dispatchFetch("http://api/v1/files", {
      method: "POST",
      headers: {
        authorization: `Bearer ${tenants[1]?.key}`,
        "content-type": request.headers.get("Content-Type") as string,
      },
      body: await request.arrayBuffer(),
    });
    const body = await response.json();
    expect(response.status, JSON.stringify(body)).toBe(200);
    expect(body).toMatchObject({
      ids: ["hours.md", "k1"],
      failed: [{ id: "handbook.pdf", message: expect.stringMatching(/this service does not convert/) }],
    });
  });

  test("large requests run in turn, even if callers disconnect before the response", async () => {
    const documents = Array.from({ length: 3 }, (_, n) => ({
      id: `large-${n}`,
      content: "kettle ".repeat(10_000),
    }));
    const abandoned = Array.from({ length: 4 }, async () => {
      const caller = new AbortController();
      setTimeout(() => caller.abort(), 20);
      await worker
        .dispatchFetch("http://api/v1/documents", {
          method: "POST",
          headers: { authorization: `Bearer ${tenants[0]?.key}`, "content-type": "application/json" },
          body: JSON.stringify({ documents }),
          signal: caller.signal,
        } as never)
        .catch(() => {});
    });
    await Promise.all(abandoned);
    const written = await Promise.all([1, 2, 3].map(() => call(0, "POST", "/v1/documents", { documents })));
    expect(written.map(({ status }) => status)).toEqual([200, 200, 200]);
    for (const { id } of documents)
      expect(await call(0, "DELETE", `/v1/documents/${id}`)).toMatchObject({ status: 204 });
  });

  test("the console and its files are served", async () => {
    const page = await worker.dispatchFetch("http://api/console");
    const [, script = ""] = /<script[^>]* src="([^"]+)"/.exec(await page.text()) ?? [];
    expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
    const file = await worker.dispatchFetch(`http://api${script}`);
    expect([file.status, file.headers.get("cache-control")]).toEqual([200, expect.stringContaining("immutable")]);
    expect((await call(0, "GET", "/console/missing.js")).status).toBe(404);
  });

  test("a search is one HTTP round trip and opens no socket", async () => {
    await call(0, "POST", "/v1/query", { query: "return" });
    const before = { ...relay.counts };
    await call(0, "POST", "/v1/query", { query: "return" });
    expect(relay.counts).toEqual({ http: before.http + 1, sockets: before.sockets });
  });

  test("Chroma's API responds", async () => {
    const database = "/api/v2/tenants/default_tenant/databases/default_database/collections";
    const collection = (await call(0, "POST", database, { name: "worker" })).json();
    const records = {
      ids: ["a", "b"],
      embeddings: [
        [1, 0],
        [0, 1],
      ],
      documents: ["one", "two"],
    };
    expect((await call(0, "POST", `${database}/${collection.id}/add`, records)).status).toBe(201);
    const found = await call(0, "POST", `${database}/${collection.id}/query`, {
      query_embeddings: [[0, 1]],
      n_results: 1,
    });
    expect(found.json()).toMatchObject({ ids: [["b"]], documents: [["two"]], distances: [[0]] });
    expect((await call(1, "GET", `${database}/${collection.id}/count`)).status).toBe(404);
  });

  test("invalid input is refused with its path, an unknown key is 401, an unknown route is 404", async () => {
    expect((await call(0, "POST", "/v1/query", { query: "x", top_k: 0 })).json()).toMatchObject({
      path: "top_k",
    });
    expect((await call(9, "POST", "/v1/query", { query: "x" })).status).toBe(401);
    expect((await call(0, "GET", "/nowhere")).status).toBe(404);
  });

  test("a token of the configured issuer is accepted, one for another audience is 401; a body larger than the configured limit is 413", async () => {
    const query = async (claims = {}) => {
      const token = issuer.token(tenants[0]?.id as string, claims);
      return (await call(0, "POST", "/v1/query", { query: "return" }, token)).status;
    };
    expect(await Promise.all([query(), query(), query({ aud: "elsewhere" })])).toEqual([200, 200, 401]);
    const large = await call(0, "POST", "/v1/documents", { documents: [{ content: "x".repeat(4_000_001) }] });
    expect(large).toMatchObject({ status: 413, text: expect.stringContaining("4000000 bytes") });
  });

  test("an IP address that tries many keys is 429, others are not affected", async () => {
    const list = async (address: string, n: number) => {
      const headers = { authorization: `Bearer cairn_${n}`, "CF-Connecting-IP": address };
      return (await worker.dispatchFetch("http://api/v1/documents", { headers })).status;
    };
    const statuses = [];
    for (let n = 0; n < 61; n++) statuses.push(await list("203.0.113.7", n));
    expect(statuses).toEqual([...Array(60).fill(401), 429]);
    expect(await list("203.0.113.8", 61)).toBe(401);
  });

  test("the table of word vectors finds the passage that has none of the question's words", async () => {
    const settings = { name: "meaning", embedding_model: "bundled/glove-50k" };
    expect(await call(0, "POST", "/v1/collections", settings)).toMatchObject({ status: 201 });
    const documents = [
      { id: "refunds", content: "Refunds go to the credit card within a month." },
      { id: "way", content: "Getting to our store: take bus 12." },
    ];
    expect((await call(0, "POST", "/v1/documents", { collection: "meaning", documents })).status).toBe(200);
    const { json } = await call(0, "POST", "/v1/query", { collection: "meaning", query: "getting money repaid" });
    expect(json().hits).toMatchObject([{ id: "refunds" }, { id: "way" }]);
  });

  test("chat streams its answer with citations", async () => {
    chat.script({ kind: "text", pieces: ["Within 4 days ", "[1]."] });
    const { status, text } = await call(0, "POST", "/v1/chat", {
      stream: true,
      messages: [{ role: "user", content: "return within 4 days" }],
    });
    expect(status).toBe(200);
    expect(text).toMatch(/^event: /m);
    expect(text).toContain("Within 4 days");
  });

  test("a 202 job completes through Cloudflare's queue; jobs that cannot run are dead-lettered with their reason and do not stop others", async () => {
    const documents = Array.from({ length: 450 }, (_, n) => ({
      id: `bulk-${n}`,
      content: `bulk passage ${n}`,
    }));
    const tenantId = tenants[1]?.id as string;
    const request = { documents: "never checked by the API" };
    const poison = {
      tenantId,
      id: (await createJob(testDatabase.database, tenantId, { kind: "ingest", request })).id,
    };
    const gone = { tenantId, id: crypto.randomUUID() };
    const jobs = await worker.getQueueProducer("JOBS");
    for (const message of [poison, gone, { no: "job" }]) await jobs.send(message);
    const accepted = await call(1, "POST", "/v1/documents/bulk", { documents });
    expect(accepted.status).toBe(202);
    expect(await waitForJob({ tenantId, id: accepted.json().id })).toMatchObject({
      status: "completed",
      counts: { documents: 450 },
    });
    const { status, lastError } = await waitForJob(poison);
    expect({ status, lastError }).toMatchObject({
      status: "failed",
      lastError: { code: "internal_error", message: expect.stringMatching(/^The service failed/) },
    });
    const letters = [
      { ...poison, reason: lastError },
      { ...gone, reason: { code: "not_found", message: `There is no job "${gone.id}".` } },
      { reason: { code: "invalid_input", message: "The message does not contain a job's address." } },
    ];
    await vi.waitFor(() => expect(deadLetters).toHaveLength(letters.length), { timeout: 10_000 });
    expect(deadLetters).toEqual(expect.arrayContaining(letters));
  });

  test("the scheduled event runs the maintenance", async () => {
    const answer = await worker.dispatchFetch("http://api/cdn-cgi/handler/scheduled?cron=*/15+*+*+*+*");
    expect(await answer.text()).toBe("ok");
  });
});
