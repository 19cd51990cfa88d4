import { cp, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { asAdmin, asTenant } from "@cairn/core/database/transaction.ts";
import { listDocuments } from "@cairn/core/document/list.ts";
import { createJob, getJob } from "@cairn/core/job/job.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { getTenant } from "@cairn/core/tenant/tenant.ts";
import type { SQSEvent } from "aws-lambda";
import { Document, HeadingLevel, Packer, Paragraph } from "docx";
import { sql } from "drizzle-orm";
import { PDFDocument, StandardFonts } from "pdf-lib";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { startEmbeddingApi } from "../../../test/support/embedding-api.ts";
import { createChromaCollection, plainRecords, putRecords, tenantName } from "../../../test/support/fill-chroma.ts";
import { useServer, useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { type GatewayRequest, gatewayEvent } from "../../../test/support/gateway-event.ts";
import { startIssuer } from "../../../test/support/issuer.ts";
import { startSqs } from "../../../test/support/sqs.ts";
import { runMachine } from "../../../test/support/state-machine.ts";
import { readMessage } from "../job-message.ts";
import { type Bundle, bundleFunction } from "./bundle.ts";
import { migrationMachine } from "./machine.ts";

const NAMES = ["api", "stream", "worker", "maintenance", "schema", "migration"] as const;

let bundles: Readonly<Record<(typeof NAMES)[number], Bundle>>;
beforeAll(async () => {
  const entries = await Promise.all(NAMES.map(async (name) => [name, await bundleFunction(name)] as const));
  bundles = Object.fromEntries(entries) as typeof bundles;
});
afterAll(async () => {
  for (const { folder } of Object.values(bundles ?? {})) await rm(folder, { recursive: true });
});

test("a function loads at most a megabyte before its first event and contains neither the embedded database nor Chroma's client", () => {
  for (const name of NAMES) {
    const { eager, inputs } = bundles[name];
    expect(eager, name).toBeLessThanOrEqual(1_000_000);
    expect(
      inputs.filter((input) => /node_modules\/(@electric-sql|chromadb|commander|cli-progress|prom-client)/.test(input)),
    ).toEqual([]);
    expect(bundles[name].eagerInputs.filter((input) => input.endsWith("word-table/table.json"))).toEqual([]);
    expect(inputs.some((input) => input.endsWith(`packages/functions/aws/handlers/${name}.ts`))).toBe(true);
  }
});

test("only the migration's steps load packages/chroma before the first event, and they do not contain the API", () => {
  const eager = NAMES.filter((name) => bundles[name].eagerInputs.some((input) => input.startsWith("packages/chroma/")));
  expect(eager).toEqual(["migration"]);
  expect(bundles.api.inputs.some((input) => input.startsWith("packages/chroma/"))).toBe(true);
  expect(bundles.migration.inputs.some((input) => input.endsWith("packages/api/app.ts"))).toBe(false);
});

test("a message contains only a job's address", () => {
  const address = { tenantId: null, id: "6f1d2a84-c0b9-4e5f-a7d3-318e5b2c9a10" };
  expect(readMessage(JSON.stringify(address))).toEqual(address);
  for (const invalid of ["", "{}", '{"tenantId":"x","id":"y"}', "null"])
    expect(() => readMessage(invalid), invalid).toThrow();
});

describe.runIf(serverUrl())("bundled functions", () => {
  const testDatabase = useTestDatabase();
  const sqs = useServer(startSqs);
  const issuer = useServer(startIssuer);
  const embeddings = useServer(startEmbeddingApi);
  const tenantId = useTenant(testDatabase);
  let key: string;
  beforeAll(async () => {
    Object.assign(process.env, issuer.variables, {
      CAIRN_MAX_BODY: "4000000",
      CAIRN_EMBEDDING_MODEL: "offline/words",
      OPENAI_BASE_URL: embeddings.url,
      SST_RESOURCE_DatabaseUrl: JSON.stringify({ value: testDatabase.url }),
      CAIRN_JOBS_QUEUE_URL: `${sqs.url}/1/jobs`,
      CAIRN_DEAD_JOBS_QUEUE_URL: `${sqs.url}/1/dead`,
      AWS_ENDPOINT_URL_SQS: sqs.url,
      AWS_REGION: "eu-central-1",
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
    });
    ({ secret: key } = await createApiKey(testDatabase.database, tenantId, {
      scopes: ["read", "write", "admin"],
    }));
  });

  interface Response {
    readonly statusCode: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly isBase64Encoded: boolean;
  }

  const load = async (name: (typeof NAMES)[number]) => (await import(bundles[name].entry)).handler;
  const context = { getRemainingTimeInMillis: () => 900_000 };

  const event = (method: string, path: string, request: Omit<GatewayRequest, "key"> = {}) =>
    gatewayEvent(method, path, { key, ...request });

  test("the API responds to API Gateway's events: text, base64, query strings, errors", async () => {
    const api = await load("api");
    const call = async (...args: Parameters<typeof event>): Promise<Response> => api(event(...args), context);
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
    expect((await call("GET", "/v1/documents", { headers: { authorization: "Bearer cairn_x" } })).statusCode).toBe(401);
    expect((await call("GET", "/nowhere")).statusCode).toBe(404);
    const large = await call("POST", "/v1/documents", {
      body: `{"documents":[{"content":"${"x".repeat(4_000_001)}"}]}`,
    });
    expect([large.statusCode, large.body]).toEqual([413, expect.stringContaining("4000000 bytes")]);
    expect((await call("GET", "/ready")).statusCode).toBe(200);
    const { paths } = JSON.parse((await call("GET", "/openapi.json")).body);
    expect(Object.keys(paths)).toContain("/v1/migrations");
  });

  test("the table of word vectors finds the passage that has none of the question's words", async () => {
    const api = await load("api");
    const post = async (path: string, body: object) =>
      JSON.parse((await api(event("POST", path, { body: JSON.stringify(body) }), context)).body);
    await post("/v1/collections", { name: "meaning", embedding_model: "bundled/glove-50k" });
    const documents = [
      { id: "refunds", content: "Refunds go to the credit card within a month." },
      { id: "way", content: "Getting to our store: take bus 12." },
    ];
    await post("/v1/documents", { collection: "meaning", documents });
    const { hits } = await post("/v1/query", { collection: "meaning", query: "getting money repaid" });
    expect(hits).toMatchObject([{ id: "refunds" }, { id: "way" }]);
  });

  test("the API reads uploaded PDF and Word files", async () => {
    const api = await load("api");
    const pdf = await PDFDocument.create();
    pdf.addPage().drawText("Refunds take three days.", { font: await pdf.embedFont(StandardFonts.Helvetica) });
    const heading = new Paragraph({ text: "Hours", heading: HeadingLevel.HEADING_1 });
    const word = new Document({ sections: [{ children: [heading, new Paragraph("Nine to five.")] }] });
    const form = new FormData();
    form.append("file", new File([new Uint8Array(await pdf.save())], "handbook.pdf"));
    form.append("file", new File([new Uint8Array(await Packer.toBuffer(word))], "hours.docx"));
    form.append("file", new File(["no PDF"], "bad.pdf"));
    const request = new Request("http://localhost", { method: "POST", body: form });
    const headers = { "content-type": request.headers.get("Content-Type") };
    const body = new Uint8Array(await request.arrayBuffer());
    const uploaded: Response = await api(event("POST", "/v1/files", { body, headers }), context);
    expect(uploaded.statusCode, uploaded.body).toBe(200);
    expect(JSON.parse(uploaded.body)).toMatchObject({
      ids: ["handbook.pdf#page=1", "hours.docx"],
      failed: [{ id: "bad.pdf", code: "invalid_input" }],
    });
  });

  test("Chroma's API responds, with batches that fit into an invocation", async () => {
    const api = await load("api");
    const database = "/api/v2/tenants/default_tenant/databases/default_database/collections";
    const call = async (method: string, path: string, body?: object) => {
      const response: Response = await api(event(method, path, { body: body && JSON.stringify(body) }), context);
      return { status: response.statusCode, body: JSON.parse(response.body || "null") };
    };
    expect((await call("GET", "/api/v2/pre-flight-checks")).body.max_batch_size).toBeLessThan(1_000);
    const { body: collection } = await call("POST", database, { name: "lambda" });
    const records = {
      ids: ["a", "b"],
      embeddings: [
        [1, 0],
        [0, 1],
      ],
      documents: ["ett", "två"],
    };
    expect((await call("POST", `${database}/${collection.id}/add`, records)).status).toBe(201);
    const found = await call("POST", `${database}/${collection.id}/query`, {
      query_embeddings: [[0, 1]],
      n_results: 1,
    });
    expect(found.body).toMatchObject({ ids: [["b"]], documents: [["två"]], distances: [[0]] });
  });

  test("a token of the configured issuer is accepted; one for another audience is 401", async () => {
    const api = await load("api");
    const list = async (token: string): Promise<Response> =>
      api(event("GET", "/v1/documents", { headers: { authorization: `Bearer ${token}` } }), context);
    expect((await list(issuer.token(tenantId))).statusCode).toBe(200);
    expect((await list(issuer.token(tenantId, { aud: "elsewhere" }))).statusCode).toBe(401);
  });

  test("an IP address that tries many keys is 429, whatever X-Forwarded-For says; others are not affected", async () => {
    const api = await load("api");
    const list = async (address: string, n: number): Promise<number> => {
      const headers = { authorization: `Bearer cairn_${n}`, "x-forwarded-for": `198.51.100.${n}` };
      return (await api(event("GET", "/v1/documents", { headers, address }), context)).statusCode;
    };
    const statuses = [];
    for (let n = 0; n < 61; n++) statuses.push(await list("203.0.113.7", n));
    expect(statuses).toEqual([...Array(60).fill(401), 429]);
    expect(await list("203.0.113.8", 61)).toBe(401);
  });

  test("a decoded path keeps a document's id and does not lead to another route", async () => {
    const api = await load("api");
    const collection = { name: "paths", embedding_model: "openai/text-embedding-3-small" };
    await api(event("POST", "/v1/collections", { body: JSON.stringify(collection) }), context);
    const id = "a b#c%20";
    const body = JSON.stringify({ collection: "paths", documents: [{ id, content: "text" }] });
    await api(event("POST", "/v1/documents", { body }), context);
    const query = "collection=paths";
    const found: Response = await api(event("GET", `/v1/documents/${id}`, { query }), context);
    expect(JSON.parse(found.body)).toMatchObject({ id });
    const traversal: Response = await api(event("DELETE", "/v1/documents/../collections/paths"), context);
    expect(traversal.statusCode).toBe(404);
    const existing: Response = await api(event("GET", "/v1/collections/paths"), context);
    expect(existing.statusCode).toBe(200);
  });

  test("each request logs one line of CloudWatch metrics: time, tokens and rows, by route and status class", async () => {
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
          CloudWatchMetrics: [expect.objectContaining({ Metrics: [{ Name: "milliseconds", Unit: "Milliseconds" }] })],
        }),
        route: "/v1/documents/:document",
        status: "4xx",
        milliseconds: expect.any(Number),
      }),
    ]);
  });

  test("a response larger than Lambda's limit is a 413 problem; its pages are returned", async () => {
    const api = await load("api");
    const call = (...args: Parameters<typeof event>): Promise<Response> => api(event(...args), context);
    // A quote is two bytes in the response and four in Lambda's JSON. Neither document alone is too large.
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
      detail: expect.stringContaining("with limit"),
      request_id: refused.headers["x-request-id"],
    });
    const page = JSON.parse((await list("limit=1")).body);
    const rest = JSON.parse((await list(`limit=1&after=${page.next}`)).body);
    expect([page, rest].map(({ documents }) => documents[0].id)).toEqual(ids);
  });

  test("behind API Gateway, which buffers responses, a job's event stream ends before the function's time limit", async () => {
    const { id } = await createJob(testDatabase.database, tenantId, { kind: "never started", request: {} });
    const api = await load("api");
    const startedAt = performance.now();
    const watched: Response = await api(event("GET", `/v1/jobs/${id}/events`), {
      getRemainingTimeInMillis: () => 5_500,
    });
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    expect(watched.statusCode).toBe(200);
    const text = watched.isBase64Encoded ? Buffer.from(watched.body, "base64").toString() : watched.body;
    expect([...text.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name)).toEqual(["job", "continue"]);
  });

  test("a 202 job goes through the queue to the worker, which resumes it after its time limit and completes it", async () => {
    const api = await load("api");
    const worker = await load("worker");
    const documents = Array.from({ length: 450 }, (_, n) => ({
      id: `bulk-${n}`,
      content: `bulk passage ${n}`,
    }));
    const accepted: Response = await api(
      event("POST", "/v1/documents/bulk", { body: JSON.stringify({ documents }) }),
      context,
    );
    expect(accepted.statusCode).toBe(202);
    const job = JSON.parse(accepted.body);
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
    // The time limit has passed before the job starts, so it is released and sent again.
    expect(await deliver(sqs.messages.shift() as string, 10_000)).toEqual({ batchItemFailures: [] });
    expect(sqs.messages).toHaveLength(1);
    expect((await getJob(testDatabase.database, { tenantId, id: job.id })).status).toBe("in_progress");
    const message = sqs.messages.shift() as string;
    expect(await deliver(message)).toEqual({ batchItemFailures: [] });
    expect(await getJob(testDatabase.database, { tenantId, id: job.id })).toMatchObject({
      status: "completed",
      counts: { documents: 450, position: 450 },
    });
    expect(await deliver(message)).toEqual({ batchItemFailures: [] }); // a second delivery has no effect
  });

  test("jobs that cannot run are dead-lettered with their reason and do not stop the others", async () => {
    const worker = await load("worker");
    const jobOf = (kind: string, request = {}) => createJob(testDatabase.database, tenantId, { kind, request });
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
      record("killer", { tenantId, id: killer.id }, 4), // three earlier workers died
      record("missing", { tenantId, id: missing.id }),
      record("gone", gone),
      record("good", { tenantId, id: good.id }),
    ];
    expect(await worker({ Records } as unknown as SQSEvent, context)).toEqual({ batchItemFailures: [] });
    const states = await Promise.all(
      [poison, killer, missing, good].map(({ id }) => getJob(testDatabase.database, { tenantId, id })),
    );
    expect(states.map(({ status }) => status)).toEqual(["failed", "failed", "failed", "completed"]);
    expect(states[1]?.lastError?.message).toMatch(/started 3 times/);
    expect(states[2]?.lastError?.code).toBe("not_found"); // the owner can correct it, so there is no dead letter
    expect(sqs.dead.splice(0).map((body) => JSON.parse(body))).toEqual([
      { reason: { code: "invalid_input", message: "The message does not contain a job's address." } },
      { tenantId, id: poison.id, reason: states[0]?.lastError },
      { tenantId, id: killer.id, reason: states[1]?.lastError },
      { ...gone, reason: { code: "not_found", message: `There is no job "${gone.id}".` } },
    ]);
  });

  test("the schedule runs unless another run has the lease", async () => {
    const maintenance = await load("maintenance");
    const lease = (statement: ReturnType<typeof sql>) =>
      asAdmin(testDatabase.database, ({ orm }) => orm.execute(statement));
    await lease(
      sql`INSERT INTO cairn.maintenance_leases VALUES ('indexes', gen_random_uuid(), now() + interval '1 minute')`,
    );
    expect(await maintenance({}, context)).toEqual({ ran: false, steps: 0 });
    await lease(sql`DELETE FROM cairn.maintenance_leases`);
    expect(await maintenance({}, context)).toMatchObject({ ran: true });
  });

  test("the schedule sends a job whose message was lost once an hour, and no job that has a heartbeat", async () => {
    const maintenance = await load("maintenance");
    const [lost, recent, leased] = await Promise.all(
      [1, 2, 3].map(() => createJob(testDatabase.database, tenantId, { kind: "reindex", request: {} })),
    );
    await asTenant(testDatabase.database, tenantId, ({ orm }) =>
      orm.execute(sql`
        UPDATE cairn.jobs SET updated_at = now() - interval '61 minutes',
          held_until = CASE WHEN id = ${leased?.id}::uuid THEN now() + interval '1 minute' END
        WHERE id IN (${lost?.id}::uuid, ${leased?.id}::uuid)`),
    );
    sqs.messages.splice(0);
    for (let n = 0; n < 2; n++) await maintenance({}, context);
    expect(sqs.messages.map((body) => JSON.parse(body))).toEqual([{ tenantId, id: lost?.id }]);
    expect((await getJob(testDatabase.database, { tenantId, id: recent?.id as string })).status).toBe("in_progress");
  });

  test("the migration's steps migrate a collection from the linked server", async () => {
    const url = inject("chromaUrl");
    const { name, tenant } = tenantName();
    await putRecords(await createChromaCollection(url, name), plainRecords(40, 8));
    vi.stubEnv("SST_RESOURCE_ChromaUrl", JSON.stringify({ value: url }));
    onTestFinished(() => void vi.unstubAllEnvs());
    const steps = await load("migration");
    const machine = migrationMachine({ functionArn: "arn:aws:lambda:test", shards: 2 });
    const execution = await runMachine(machine, { request: { only: [name], queries: 4 } }, (payload) =>
      steps(payload, context),
    );
    expect(execution).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    const { id } = await getTenant(testDatabase.database, tenant);
    expect((await listDocuments(testDatabase.database, id, { limit: 100 })).documents).toHaveLength(40);
  });

  test("a deploy applies pending schema migrations", async () => {
    const migrations = fileURLToPath(new URL("../../../migrations", import.meta.url));
    await cp(migrations, `${bundles.schema.folder}/migrations`, { recursive: true });
    vi.stubEnv("LAMBDA_TASK_ROOT", bundles.schema.folder);
    expect(await (await load("schema"))()).toEqual({ applied: [] });
    // Settings that the other functions cannot open with fail the deploy here, before those functions change.
    vi.stubEnv("CAIRN_JWT_AUDIENCE", "");
    await expect((await load("schema"))()).rejects.toThrow(/CAIRN_JWT_AUDIENCE is not set/);
    vi.stubEnv("CAIRN_JWT_AUDIENCE", issuer.variables.CAIRN_JWT_AUDIENCE);
    // `sst dev` runs the function in its folder without the variable.
    vi.stubEnv("LAMBDA_TASK_ROOT", undefined);
    const cwd = vi.spyOn(process, "cwd").mockReturnValue(bundles.schema.folder);
    onTestFinished(() => {
      cwd.mockRestore();
      vi.unstubAllEnvs();
    });
    expect(await (await load("schema"))()).toEqual({ applied: [] });
  });
});
