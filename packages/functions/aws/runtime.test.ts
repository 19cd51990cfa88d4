import { createJob, getJob } from "@cairn/core/job/job.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startChatApi } from "../../../test/support/chat-api.ts";
import { onServer, serverUrl } from "../../../test/support/database.ts";
import { useServer, useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { type GatewayRequest, gatewayEvent } from "../../../test/support/gateway-event.ts";
import { runtimeClient, startFunction } from "../../../test/support/lambda-function.ts";
import type { LambdaRuntime, RuntimeOptions } from "../../../test/support/runtime-api.ts";
import { startSqs } from "../../../test/support/sqs.ts";

const NULLS = "\0".repeat(8);

describe.runIf(runtimeClient() && serverUrl())("under Lambda's own runtime client", () => {
  const testDatabase = useTestDatabase();
  const chat = useServer(startChatApi);
  const sqs = useServer(startSqs);
  const tenantId = useTenant(testDatabase);
  let key: string;
  const running: LambdaRuntime[] = [];
  beforeAll(async () => {
    ({ secret: key } = await createApiKey(testDatabase.database, tenantId, { scopes: ["read", "write"] }));
  });
  afterAll(async () => {
    for (const runtime of running) await runtime.stop();
  });

  async function start(name: string, { environment, timeout }: Partial<RuntimeOptions> = {}) {
    const runtime = await startFunction(name, {
      timeout,
      environment: {
        SST_RESOURCE_DatabaseUrl: JSON.stringify({ value: testDatabase.url }),
        CAIRN_CHAT_MODEL: "scripted",
        CAIRN_EMBEDDING_MODEL: "offline/words",
        CAIRN_CORS_ORIGINS: "https://app.example.com",
        CAIRN_JOBS_QUEUE_URL: `${sqs.url}/1/jobs`,
        CAIRN_DEAD_JOBS_QUEUE_URL: `${sqs.url}/1/dead`,
        OPENAI_BASE_URL: chat.url,
        AWS_ENDPOINT_URL_SQS: sqs.url,
        AWS_REGION: "eu-central-1",
        AWS_ACCESS_KEY_ID: "test",
        AWS_SECRET_ACCESS_KEY: "test",
        ...environment,
      },
    });
    running.push(runtime);
    return runtime;
  }

  const event = (method: string, path: string, body?: object, more: Partial<GatewayRequest> = {}) =>
    gatewayEvent(method, path, { key, body: body && JSON.stringify(body), ...more });

  async function request(runtime: LambdaRuntime, ...args: Parameters<typeof event>) {
    const { outcome, body } = await runtime.invoke(event(...args));
    expect(outcome, `${body}\n${runtime.output()}`).toBe("response");
    const { statusCode, body: text, headers } = JSON.parse(body);
    return { status: statusCode as number, headers, json: text && JSON.parse(text) };
  }

  test("the API responds to events with text, base64 and multi-value headers, and logs no key, content or URL", async () => {
    const api = await start("api");
    const documents = [{ id: "returns", content: "You may return a kettle within 30 days." }];
    expect((await request(api, "POST", "/v1/documents", { documents })).status).toBe(200);
    const base64 = await request(api, "POST", "/v1/query", { query: "return a kettle" }, { base64: true });
    expect(base64.json.hits).toMatchObject([{ id: "returns" }]);
    // API Gateway joins the values of a header. An MCP client must accept JSON, but need not accept a stream.
    const tools = { jsonrpc: "2.0", id: 1, method: "tools/list" };
    for (const [accept, status] of [
      ["application/json,text/event-stream", 200],
      ["application/json", 200],
      ["text/event-stream", 406],
    ] as const)
      expect((await request(api, "POST", "/mcp", tools, { headers: { accept } })).status, accept).toBe(status);
    const preflight = {
      origin: "https://app.example.com",
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    };
    const allowed = await request(api, "OPTIONS", "/v1/query", undefined, { headers: preflight });
    expect(allowed.headers).toMatchObject({
      "access-control-allow-headers": "authorization,content-type",
      vary: "Origin, Access-Control-Request-Headers",
    });
    expect((await request(api, "GET", "/nowhere")).status).toBe(404);
    expect(api.output()).not.toMatch(new RegExp(`${key}|kettle|postgres://`));
  });

  test("an environment whose connections were cut while it was frozen responds normally to the next event", async () => {
    const api = running[0] as LambdaRuntime;
    const query = { query: "return a kettle" };
    const { pathname } = new URL(testDatabase.url as string);
    for (const mode of ["before the event", "during the event"]) {
      expect((await request(api, "POST", "/v1/query", query)).json.hits).toHaveLength(1);
      api.freeze();
      await onServer(
        serverUrl() as string,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${pathname.slice(1)}'`,
      );
      if (mode === "during the event") {
        const response = request(api, "POST", "/v1/query", query); // event and closed connection arrive together
        api.thaw();
        expect((await response).json.hits).toHaveLength(1);
      } else {
        api.thaw();
        expect((await request(api, "POST", "/v1/query", query)).json.hits).toHaveLength(1);
      }
    }
  });

  test("chat streams: the first words arrive before the model has finished", async () => {
    const stream = await start("stream");
    chat.script({ kind: "hang", after: ["Within ", "30 days"] });
    const body = { stream: true, messages: [{ role: "user", content: "return a kettle" }] };
    const { outcome, streamed, pieces, body: text } = await stream.invoke(event("POST", "/v1/chat", body));
    expect(outcome, stream.output()).toBe("response");
    expect(streamed).toBe(true);
    const [head = "", rest = ""] = text.split(NULLS);
    expect(JSON.parse(head)).toMatchObject({
      statusCode: 200,
      headers: { "content-type": expect.stringMatching(/event-stream/) },
    });
    expect(rest).toContain("30 days");
    const words = pieces.find(({ text: piece }) => piece.includes("30 days"));
    const last = pieces.at(-1);
    expect((last?.at ?? 0) - (words?.at ?? 0), "the words arrive before the end").toBeGreaterThan(5_000);
    expect(rest).toMatch(/^event: error/m); // a model that stops sending is reported as failed
  });

  test("the event stream of a job ends with `continue` before the function's time limit", async () => {
    const { id } = await createJob(testDatabase.database, tenantId, { kind: "never started", request: {} });
    const stream = await start("stream", { timeout: 12_000 });
    const { outcome, pieces, body } = await stream.invoke(event("GET", `/v1/jobs/${id}/events`));
    expect(outcome, stream.output()).toBe("response");
    const [, events = ""] = body.split(NULLS);
    expect([...events.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name)).toEqual(["job", "continue"]);
    expect(pieces.at(-1)?.at, "before the time limit").toBeLessThan(11_000);
  });

  test("in a batch the worker completes valid jobs, dead-letters invalid messages with their reason, and returns jobs it could not reach", async () => {
    const worker = await start("worker", { timeout: 900_000 });
    const [good, unreachable] = await Promise.all(
      [1, 2].map(() => createJob(testDatabase.database, tenantId, { kind: "reindex", request: {} })),
    );
    await testDatabase.database.transaction(({ script }) =>
      script(`CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON cairn.jobs FOR EACH ROW WHEN (OLD.id = '${unreachable?.id}') EXECUTE FUNCTION public.refuse()`),
    );
    const record = (messageId: string, body: object) => ({
      messageId,
      body: JSON.stringify(body),
      attributes: { ApproximateReceiveCount: "1" },
    });
    const { outcome, body } = await worker.invoke({
      Records: [
        record("poison", { no: "job" }),
        record("unreachable", { tenantId, id: unreachable?.id }),
        record("good", { tenantId, id: good?.id }),
      ],
    });
    expect(outcome, worker.output()).toBe("response");
    expect(JSON.parse(body)).toEqual({ batchItemFailures: [{ itemIdentifier: "unreachable" }] });
    expect(sqs.dead.map((message) => JSON.parse(message))).toEqual([
      { reason: { code: "invalid_input", message: "The message does not contain a job's address." } },
    ]);
    expect((await getJob(testDatabase.database, { tenantId, id: good?.id as string })).status).toBe("completed");
  });

  test("a service that cannot be opened is a 503 problem without the password", async () => {
    const nowhere = JSON.stringify({ value: "postgres://user:hush-hush@127.0.0.1:9/db" });
    const api = await start("api", { environment: { SST_RESOURCE_DatabaseUrl: nowhere } });
    const { status, headers, json } = await request(api, "GET", "/v1/documents");
    expect(json).toMatchObject({ code: "database_unavailable", request_id: expect.stringMatching(/./) });
    expect({ status, retryAfter: headers["retry-after"] }).toEqual({ status: 503, retryAfter: "5" });
    expect(api.output()).not.toContain("hush-hush");
  });

  test("a request past its deadline is 504 and cancelled before the function's time limit; the next request succeeds", async () => {
    const api = running[0] as LambdaRuntime;
    const locker = new Client({ connectionString: testDatabase.url });
    await locker.connect();
    await locker.query("BEGIN; LOCK TABLE cairn.documents");
    const startedAt = performance.now();
    const slow = await request(api, "POST", "/v1/query", { query: "kettle" });
    expect(slow.status).toBe(504);
    expect(performance.now() - startedAt).toBeLessThan(27_000);
    // The statement started a little after the request.
    const blocked = async () =>
      (
        await locker.query(
          "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
      ).rowCount;
    await expect.poll(blocked, { timeout: 3_000, message: "the statement is cancelled" }).toBe(0);
    await locker.end();
    expect((await request(api, "POST", "/v1/query", { query: "kettle" })).json.hits).toHaveLength(1);
  });
});
