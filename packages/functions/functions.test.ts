import { execFile } from "node:child_process";
import { createCipheriv, randomBytes } from "node:crypto";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { asAdmin, asTenant } from "@cairn/core/database/transaction.ts";
import { listDocuments } from "@cairn/core/document/list.ts";
import { createJob, getJob } from "@cairn/core/job/job.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { createTenant, getTenant } from "@cairn/core/tenant/tenant.ts";
import type { SQSEvent } from "aws-lambda";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { createTestDatabase, serverUrl, type TestDatabase } from "../../test/support/database.ts";
import { type EmbeddingApi, startEmbeddingApi } from "../../test/support/embedding-api.ts";
import {
  createChromaCollection,
  plainRecords,
  putRecords,
  tenantName,
} from "../../test/support/fill-chroma.ts";
import { type GatewayRequest, gatewayEvent } from "../../test/support/gateway-event.ts";
import { type Issuer, startIssuer } from "../../test/support/issuer.ts";
import { type SqsServer, startSqs } from "../../test/support/sqs.ts";
import { runMachine } from "../../test/support/state-machine.ts";
import { type Bundle, bundleFunction } from "./bundle.ts";
import { migrationMachine } from "./machine.ts";
import { readMessage } from "./message.ts";
import { readSettings } from "./settings.ts";

const NAMES = ["api", "stream", "worker", "maintenance", "schema", "migration"] as const;

let bundles: Readonly<Record<(typeof NAMES)[number], Bundle>>;
beforeAll(async () => {
  const made = await Promise.all(NAMES.map(async (name) => [name, await bundleFunction(name)] as const));
  bundles = Object.fromEntries(made) as typeof bundles;
});
afterAll(async () => {
  for (const { folder } of Object.values(bundles ?? {})) await rm(folder, { recursive: true });
});

test("a function loads at most a megabyte before its first event, and holds neither the embedded database nor Chroma's client", () => {
  for (const name of NAMES) {
    const { eager, inputs } = bundles[name];
    expect(eager, name).toBeLessThanOrEqual(1_000_000);
    expect(
      inputs.filter((input) =>
        /node_modules\/(@electric-sql|chromadb|commander|cli-progress|prom-client)/.test(input),
      ),
    ).toEqual([]);
    expect(inputs.some((input) => input.endsWith(`packages/functions/${name}.ts`))).toBe(true);
  }
});

test("what moves from Chroma is loaded before the first event by the migration's steps alone, and these bring no API", () => {
  const early = NAMES.filter((name) =>
    bundles[name].eagerInputs.some((input) => input.startsWith("packages/chroma/")),
  );
  expect(early).toEqual(["migration"]);
  expect(bundles.api.inputs.some((input) => input.startsWith("packages/chroma/"))).toBe(true);
  expect(bundles.migration.inputs.some((input) => input.endsWith("packages/api/app.ts"))).toBe(false);
});

test("settings name what is missing, never a value; a secret that was never set counts as none", () => {
  const secrets: Record<string, string> = { DatabaseUrl: "postgres://u:hunter2@h/d", OpenAiApiKey: "unset" };
  const read = (changes: Record<string, string | undefined> = {}, environment = {}) =>
    readSettings((name) => ({ ...secrets, ...changes })[name], environment);
  expect(read().openaiApiKey).toBeUndefined();
  expect(read({}, { CAIRN_RATE_LIMIT: "5" }).requestsPerMinute).toBe(5);
  expect(() => read({ DatabaseUrl: undefined })).toThrow(/databaseUrl/);
  expect(() => read({ DatabaseUrl: "mysql://u:hunter2@h" })).toThrow(/^(?!.*hunter2).*databaseUrl/);
});

test("secrets are read from the bundle's encrypted resources, as a deployed function finds them", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cairn-resources-"));
  const file = join(folder, "resource.enc");
  const key = randomBytes(32);
  const cipher = createCipheriv("aes-256-gcm", key, Buffer.alloc(12)); // a key is used once, for one deploy
  const plain = JSON.stringify({ DatabaseUrl: { type: "sst.sst.Secret", value: "postgres://linked" } });
  await writeFile(file, Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
  const linked = new URL("linked.ts", import.meta.url).href;
  const script = `const { linkedResource } = await import(${JSON.stringify(linked)});
    console.log(JSON.stringify([linkedResource("DatabaseUrl"), linkedResource("Missing") ?? null]));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    env: {
      ...process.env,
      SST_RESOURCE_App: '{"name":"cairn","stage":"test"}',
      SST_KEY_FILE: file,
      SST_KEY: key.toString("base64"),
    },
  });
  expect(JSON.parse(stdout)).toEqual(["postgres://linked", null]);
  await rm(folder, { recursive: true });
});

test("only a job's address is taken from a message", () => {
  const address = { tenantId: null, id: "6f1d2a84-c0b9-4e5f-a7d3-318e5b2c9a10" };
  expect(readMessage(JSON.stringify(address))).toEqual(address);
  for (const bad of ["", "{}", '{"tenantId":"x","id":"y"}', "null"])
    expect(() => readMessage(bad), bad).toThrow();
});

describe.runIf(serverUrl())("on events, as bundled", () => {
  let own: TestDatabase;
  let sqs: SqsServer;
  let issuer: Issuer;
  let embeddings: EmbeddingApi;
  let tenantId: string;
  let key: string;
  beforeAll(async () => {
    own = await createTestDatabase();
    [sqs, issuer, embeddings] = await Promise.all([startSqs(), startIssuer(), startEmbeddingApi()]);
    Object.assign(process.env, issuer.variables, {
      CAIRN_MAX_BODY: "4000000",
      CAIRN_EMBEDDING_MODEL: "offline/words",
      OPENAI_BASE_URL: embeddings.url,
      SST_RESOURCE_DatabaseUrl: JSON.stringify({ value: own.url }),
      CAIRN_JOBS_QUEUE_URL: `${sqs.url}/1/jobs`,
      CAIRN_DEAD_JOBS_QUEUE_URL: `${sqs.url}/1/dead`,
      AWS_ENDPOINT_URL_SQS: sqs.url,
      AWS_REGION: "eu-central-1",
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
    });
    ({ id: tenantId } = await createTenant(own.database, { name: "acme" }));
    ({ secret: key } = await createApiKey(own.database, tenantId, { scopes: ["read", "write", "admin"] }));
  });
  afterAll(async () => {
    await Promise.all([sqs?.stop(), issuer?.stop(), embeddings?.stop()]);
    await own?.drop();
  });

  interface Answer {
    readonly statusCode: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly isBase64Encoded: boolean;
  }

  const load = async (name: (typeof NAMES)[number]) => (await import(bundles[name].entry)).handler;
  const context = { getRemainingTimeInMillis: () => 900_000 };

  const event = (method: string, path: string, request: Omit<GatewayRequest, "key"> = {}) =>
    gatewayEvent(method, path, { key, ...request });

  test("API Gateway's events are answered: text, base64, query strings, errors", async () => {
    const api = await load("api");
    const call = async (...given: Parameters<typeof event>): Promise<Answer> => api(event(...given), context);
    const documents = JSON.stringify({
      documents: [{ id: "räksmörgås", content: "Öppet från nio till fem." }],
    });
    for (const base64 of [false, true]) {
      const written = await call("POST", "/v1/documents", { body: documents, base64 });
      expect(written.statusCode, written.body).toBe(200);
      expect(JSON.parse(written.body)).toMatchObject({ ids: ["räksmörgås"], failed: [] });
    }
    const listed = await call("GET", "/v1/documents", { query: "limit=1&collection=knowledge" });
    expect(JSON.parse(listed.body).documents[0].passages[0].content).toBe("Öppet från nio till fem.");
    expect(listed.headers["x-request-id"]).toBeDefined();
    const found = await call("POST", "/v1/query", { body: '{"query":"Öppet"}' });
    expect(JSON.parse(found.body).hits).toHaveLength(1);
    expect((await call("GET", "/v1/documents", { query: "limit=x" })).statusCode).toBe(400);
    expect(
      (await call("GET", "/v1/documents", { headers: { authorization: "Bearer cairn_x" } })).statusCode,
    ).toBe(401);
    expect((await call("GET", "/nowhere")).statusCode).toBe(404);
    const large = await call("POST", "/v1/documents", {
      body: `{"documents":[{"content":"${"x".repeat(4_000_001)}"}]}`,
    });
    expect([large.statusCode, large.body]).toEqual([413, expect.stringContaining("4000000 bytes")]);
    expect((await call("GET", "/ready")).statusCode).toBe(200);
    const { paths } = JSON.parse((await call("GET", "/openapi.json")).body);
    expect(Object.keys(paths)).toContain("/v1/migrations");
  });

  test("a token of the configured issuer is taken; one for another audience is not", async () => {
    const api = await load("api");
    const ask = async (token: string): Promise<Answer> =>
      api(event("GET", "/v1/documents", { headers: { authorization: `Bearer ${token}` } }), context);
    expect((await ask(issuer.token(tenantId))).statusCode).toBe(200);
    expect((await ask(issuer.token(tenantId, { aud: "elsewhere" }))).statusCode).toBe(401);
  });

  test("an address that tries many keys is stopped, whatever it says in X-Forwarded-For, and others are served", async () => {
    const api = await load("api");
    const ask = async (address: string, n: number): Promise<number> => {
      const headers = { authorization: `Bearer cairn_${n}`, "x-forwarded-for": `198.51.100.${n}` };
      return (await api(event("GET", "/v1/documents", { headers, address }), context)).statusCode;
    };
    const statuses = [];
    for (let n = 0; n < 61; n++) statuses.push(await ask("203.0.113.7", n));
    expect(statuses).toEqual([...Array(60).fill(401), 429]);
    expect(await ask("203.0.113.8", 61)).toBe(401);
  });

  test("a path comes decoded: an id is what was asked for, and no part of it climbs to another route", async () => {
    const api = await load("api");
    const collection = { name: "paths", embedding_model: "openai/text-embedding-3-small" };
    await api(event("POST", "/v1/collections", { body: JSON.stringify(collection) }), context);
    const id = "a b#c%20";
    const body = JSON.stringify({ collection: "paths", documents: [{ id, content: "kept" }] });
    await api(event("POST", "/v1/documents", { body }), context);
    const query = "collection=paths";
    const found: Answer = await api(event("GET", `/v1/documents/${id}`, { query }), context);
    expect(JSON.parse(found.body)).toMatchObject({ id });
    const climbed: Answer = await api(event("DELETE", "/v1/documents/../collections/paths"), context);
    expect(climbed.statusCode).toBe(404);
    const there: Answer = await api(event("GET", "/v1/collections/paths"), context);
    expect(there.statusCode).toBe(200);
  });

  test("a request is a line that CloudWatch takes its metrics from: time, tokens, rows, by route and class of status", async () => {
    const api = await load("api");
    const collection = { name: "counted", embedding_model: "openai/text-embedding-3-small" };
    await api(event("POST", "/v1/collections", { body: JSON.stringify(collection) }), context);
    const documents = ["one", "two", "three"].map((id) => ({ id, content: `word ${id}` }));
    const written = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    onTestFinished(() => written.mockRestore());
    const body = JSON.stringify({ collection: "counted", documents });
    await api(event("POST", "/v1/documents", { body }), context);
    await api(event("GET", "/v1/documents/missing"), context);
    const lines = written.mock.calls.flatMap(([text]) => String(text).match(/^\{"_aws".*$/gm) ?? []);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        _aws: {
          Timestamp: expect.closeTo(Date.now(), -5),
          CloudWatchMetrics: [
            {
              Namespace: "Cairn",
              Dimensions: [["service", "route", "status"]],
              Metrics: [
                { Name: "milliseconds", Unit: "Milliseconds" },
                { Name: "tokens", Unit: "Count" },
                { Name: "rows", Unit: "Count" },
              ],
            },
          ],
        },
        service: "api",
        route: "/v1/documents",
        status: "2xx",
        milliseconds: expect.any(Number),
        tokens: 6,
        rows: 3,
      },
      expect.objectContaining({
        _aws: expect.objectContaining({
          CloudWatchMetrics: [
            expect.objectContaining({ Metrics: [{ Name: "milliseconds", Unit: "Milliseconds" }] }),
          ],
        }),
        route: "/v1/documents/:document",
        status: "4xx",
        milliseconds: expect.any(Number),
      }),
    ]);
  });

  test("an answer that is larger than Lambda lets through is a described problem; its pages are not", async () => {
    const api = await load("api");
    const call = (...given: Parameters<typeof event>): Promise<Answer> => api(event(...given), context);
    // A quote is two bytes in the answer and four in what Lambda is handed: neither part alone is too large.
    const ids = ["left", "right"];
    for (const id of ids) {
      const body = JSON.stringify({
        documents: [
          {
            id,
            content: '"'.repeat(900_000),
            embedding: Array(1536).fill(0.1),
            metadata: { quoted: true },
          },
        ],
      });
      expect((await call("POST", "/v1/documents", { body })).statusCode).toBe(200);
    }
    const list = (query: string) =>
      call("GET", "/v1/documents", {
        query: `${query}&filter=${encodeURIComponent('{"quoted":true}')}`,
      });
    const refused = await list("limit=1000");
    expect(refused.statusCode, refused.body.slice(0, 500)).toBe(413);
    expect(refused.headers["content-type"]).toBe("application/problem+json");
    expect(JSON.parse(refused.body)).toMatchObject({
      code: "response_too_large",
      detail: expect.stringContaining("by limit"),
      request_id: refused.headers["x-request-id"],
    });
    const page = JSON.parse((await list("limit=1")).body);
    const rest = JSON.parse((await list(`limit=1&after=${page.next}`)).body);
    expect([page, rest].map(({ documents }) => documents[0].id)).toEqual(ids);
  });

  test("behind API Gateway, which holds a stream back, a job is watched for as long as the function has time", async () => {
    const { id } = await createJob(own.database, tenantId, { kind: "never begun", request: {} });
    const api = await load("api");
    const began = performance.now();
    const watched: Answer = await api(event("GET", `/v1/jobs/${id}/events`), {
      getRemainingTimeInMillis: () => 5_500,
    });
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(watched.statusCode).toBe(200);
    const text = watched.isBase64Encoded ? Buffer.from(watched.body, "base64").toString() : watched.body;
    expect([...text.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name)).toEqual(["job", "continue"]);
  });

  test("what is answered 202 goes through the queue to the worker, in slices of its time, and to its end", async () => {
    const api = await load("api");
    const worker = await load("worker");
    const documents = Array.from({ length: 450 }, (_, n) => ({
      id: `bulk-${n}`,
      content: `bulk passage ${n}`,
    }));
    const begun: Answer = await api(
      event("POST", "/v1/documents/bulk", { body: JSON.stringify({ documents }) }),
      context,
    );
    expect(begun.statusCode).toBe(202);
    const job = JSON.parse(begun.body);
    expect(sqs.messages.map((body) => JSON.parse(body))).toEqual([{ tenantId, id: job.id }]);
    expect(sqs.messages[0]).not.toContain("bulk passage");
    const deliver = (body: string, remaining = 900_000) =>
      worker(
        {
          Records: [{ messageId: "m", body, attributes: { ApproximateReceiveCount: "1" } }],
        } as unknown as SQSEvent,
        {
          getRemainingTimeInMillis: () => remaining,
        },
      );
    // Its time is over before it has begun: it is given back and sent again.
    expect(await deliver(sqs.messages.shift() as string, 10_000)).toEqual({ batchItemFailures: [] });
    expect(sqs.messages).toHaveLength(1);
    expect((await getJob(own.database, { tenantId, id: job.id })).status).toBe("in_progress");
    const message = sqs.messages.shift() as string;
    expect(await deliver(message)).toEqual({ batchItemFailures: [] });
    expect(await getJob(own.database, { tenantId, id: job.id })).toMatchObject({
      status: "completed",
      counts: { documents: 450, position: 450 },
    });
    expect(await deliver(message)).toEqual({ batchItemFailures: [] }); // delivered twice: nothing to do
  });

  test("poison ends with the dead letters, each with its reason; the others go on", async () => {
    const worker = await load("worker");
    const jobOf = (kind: string, request = {}) => createJob(own.database, tenantId, { kind, request });
    const [poison, killer, missing, good] = await Promise.all([
      jobOf("ingest", { documents: "never checked by the API" }),
      jobOf("reindex"),
      jobOf("reindex", { collection: "gone" }),
      jobOf("reindex"),
    ]);
    const record = (messageId: string, body: unknown, receives = 1) => ({
      messageId,
      body: typeof body === "string" ? body : JSON.stringify(body),
      attributes: { ApproximateReceiveCount: String(receives) },
    });
    const gone = { tenantId, id: "6f1d2a84-c0b9-4e5f-a7d3-318e5b2c9a10" };
    const Records = [
      record("garbage", "{half"),
      record("poison", { tenantId, id: poison.id }),
      record("killer", { tenantId, id: killer.id }, 4), // three workers died of it
      record("missing", { tenantId, id: missing.id }),
      record("gone", gone),
      record("good", { tenantId, id: good.id }),
    ];
    expect(await worker({ Records } as unknown as SQSEvent, context)).toEqual({ batchItemFailures: [] });
    const states = await Promise.all(
      [poison, killer, missing, good].map(({ id }) => getJob(own.database, { tenantId, id })),
    );
    expect(states.map(({ status }) => status)).toEqual(["failed", "failed", "failed", "completed"]);
    expect(states[1]?.lastError?.message).toMatch(/begun 3 times/);
    expect(states[2]?.lastError?.code).toBe("not_found"); // its owner's to mend: nobody is woken for it
    expect(sqs.dead.splice(0).map((body) => JSON.parse(body))).toEqual([
      { reason: { code: "invalid_input", message: "The message names no job." } },
      { tenantId, id: poison.id, reason: states[0]?.lastError },
      { tenantId, id: killer.id, reason: states[1]?.lastError },
      { ...gone, reason: { code: "not_found", message: `There is no job "${gone.id}".` } },
    ]);
  });

  test("the schedule runs, but not while another run holds the lease", async () => {
    const maintenance = await load("maintenance");
    const lease = (statement: ReturnType<typeof sql>) =>
      asAdmin(own.database, ({ orm }) => orm.execute(statement));
    await lease(
      sql`INSERT INTO cairn.maintenance_leases VALUES ('indexes', gen_random_uuid(), now() + interval '1 minute')`,
    );
    expect(await maintenance({}, context)).toEqual({ ran: false, steps: 0 });
    await lease(sql`DELETE FROM cairn.maintenance_leases`);
    expect(await maintenance({}, context)).toMatchObject({ ran: true });
  });

  test("the schedule sends a job again whose message was lost, once an hour; one that shows signs of life it leaves alone", async () => {
    const maintenance = await load("maintenance");
    const [lost, lively, held] = await Promise.all(
      [1, 2, 3].map(() => createJob(own.database, tenantId, { kind: "reindex", request: {} })),
    );
    await asTenant(own.database, tenantId, ({ orm }) =>
      orm.execute(sql`
        UPDATE cairn.jobs SET updated_at = now() - interval '61 minutes',
          held_until = CASE WHEN id = ${held?.id}::uuid THEN now() + interval '1 minute' END
        WHERE id IN (${lost?.id}::uuid, ${held?.id}::uuid)`),
    );
    sqs.messages.splice(0);
    for (let n = 0; n < 2; n++) await maintenance({}, context);
    expect(sqs.messages.map((body) => JSON.parse(body))).toEqual([{ tenantId, id: lost?.id }]);
    expect((await getJob(own.database, { tenantId, id: lively?.id as string })).status).toBe("in_progress");
  });

  test("the migration's steps take a collection over from the linked server", async () => {
    const url = inject("chromaUrl");
    const { name, tenant } = tenantName();
    await putRecords(await createChromaCollection(url, name), plainRecords(40, 8));
    vi.stubEnv("SST_RESOURCE_ChromaUrl", JSON.stringify({ value: url }));
    onTestFinished(() => void vi.unstubAllEnvs());
    const steps = await load("migration");
    const machine = migrationMachine({ functionArn: "arn:aws:lambda:test", shards: 2 });
    const ended = await runMachine(machine, { request: { only: [name], queries: 4 } }, (payload) =>
      steps(payload, context),
    );
    expect(ended).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    const { id } = await getTenant(own.database, tenant);
    expect((await listDocuments(own.database, id, { limit: 100 })).documents).toHaveLength(40);
  });

  test("the schema is brought up to date at deploy", async () => {
    const migrations = fileURLToPath(new URL("../../migrations", import.meta.url));
    await cp(migrations, `${bundles.schema.folder}/migrations`, { recursive: true });
    vi.stubEnv("LAMBDA_TASK_ROOT", bundles.schema.folder);
    expect(await (await load("schema"))()).toEqual({ applied: [] });
    // What the others could not be opened with ends the deploy here, before any of them is changed.
    vi.stubEnv("CAIRN_JWT_AUDIENCE", "");
    await expect((await load("schema"))()).rejects.toThrow(/CAIRN_JWT_AUDIENCE is not set/);
    vi.stubEnv("CAIRN_JWT_AUDIENCE", issuer.variables.CAIRN_JWT_AUDIENCE);
    // `sst dev` runs it in its folder, and keeps the variable to itself.
    vi.stubEnv("LAMBDA_TASK_ROOT", undefined);
    const cwd = vi.spyOn(process, "cwd").mockReturnValue(bundles.schema.folder);
    onTestFinished(() => {
      cwd.mockRestore();
      vi.unstubAllEnvs();
    });
    expect(await (await load("schema"))()).toEqual({ applied: [] });
  });
});
