import { expect, test } from "vitest";
import { createTestApi } from "../../../test/support/api.ts";
import { startEmbeddingApi } from "../../../test/support/embedding-api.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { startIssuer } from "../../../test/support/issuer.ts";
import { captureLog, failAtRead, question, useImpatientChat } from "../../../test/support/telemetry.ts";
import { createLog } from "./log.ts";

const CANARY = "canary-9b1f3c";

const testDatabase = useTestDatabase();
const { chat, chatModel } = useImpatientChat();

test("each request is one log line with tenant, route, duration and counts, without texts, vectors, URLs or secrets", async () => {
  const lines: string[] = [];
  const log = createLog({ write: (line) => lines.push(line) });
  const embeddings = await startEmbeddingApi();
  const embedding = {
    openai: { apiKey: `sk-${CANARY}`, baseUrl: embeddings.url },
    requests: { attempts: 1, attemptTimeout: 5_000 },
  };
  const api = await createTestApi(testDatabase.database, { log, embedding });
  const { key, id: tenantId } = await api.addTenant();
  const call = (method: string, path: string, body?: unknown, raw?: string) =>
    api.call(method, path, { key, body, raw, headers: { "X-Request-Id": "request-12345678" } });
  const vector = Array.from({ length: 1536 }, (_, n) => 0.123456 + n);
  await call("POST", "/v1/documents", {
    documents: [
      {
        id: `id ${CANARY}`,
        content: `text ${CANARY}`,
        metadata: { secret: CANARY },
        uri: `https://x/${CANARY}`,
      },
      { id: "v", content: CANARY, embedding: vector },
    ],
  });
  await call("POST", "/v1/query", { query: `what is ${CANARY}`, filter: { secret: CANARY } });
  await call("POST", "/v1/query", { query_embedding: vector });
  await call("GET", `/v1/documents/${encodeURIComponent(`id ${CANARY}`)}?collection=${CANARY}`);
  await call("GET", `/v1/documents?filter=${encodeURIComponent(`{"${CANARY}": {"$bad": 1}}`)}`);
  await call("POST", "/v1/query", { [CANARY]: 1 });
  await call("POST", "/v1/query", undefined, `{"${CANARY}`);
  await call("GET", `/${CANARY}`);
  await api.call("GET", "/v1/keys", { key: `cairn_${CANARY}` });
  await call("POST", "/v1/chat", { messages: [{ role: "user", content: CANARY }] });
  embeddings.always({ kind: "status", status: 500, message: `cannot embed ${CANARY}` });
  await call("POST", "/v1/query", { query: `fails with ${CANARY}` });
  embeddings.always(null);
  // An unexpected error whose message quotes the request.
  const failingDatabase = {
    ...testDatabase.database,
    read: () => Promise.reject(new Error(`exploded at ${CANARY} 0.123456`)),
  };
  const failing = await createTestApi(failingDatabase as never, { log });
  expect((await failing.call("POST", "/v1/query", { key, body: { query_embedding: vector } })).status).toBe(500);
  await embeddings.stop();

  expect(lines.length).toBeGreaterThanOrEqual(13);
  const all = lines.join("");
  for (const secret of [CANARY, "0.123456", key, key.slice(6, 30)]) expect(all).not.toContain(secret);
  const records = lines.map((line) => JSON.parse(line));
  expect(records[0]).toMatchObject({
    message: "request",
    request_id: "request-12345678",
    tenant: tenantId,
    method: "POST",
    route: "/v1/documents",
    status: 200,
    rows: 2,
    tokens: expect.any(Number),
    ms: expect.any(Number),
  });
  expect(records[0].tokens).toBeGreaterThan(3);
  expect(records[3]).toMatchObject({ route: "/v1/documents/:document", status: 404, code: "not_found" });
  expect(records.filter(({ message }) => message === "failure")).toEqual([
    expect.objectContaining({ error: expect.objectContaining({ name: "Error", at: expect.any(Array) }) }),
  ]);
});

test("log lines of chat, streams, tools, jobs and issuer tokens contain no texts or secrets", async () => {
  const { lines, log } = captureLog();
  const [embeddings, issuer] = await Promise.all([startEmbeddingApi(), startIssuer()]);
  const { variables } = issuer;
  const jwt = {
    jwksUrl: variables.CAIRN_JWT_JWKS_URL as string,
    issuer: variables.CAIRN_JWT_ISSUER as string,
    audience: variables.CAIRN_JWT_AUDIENCE as string,
    tenantClaim: "org",
  };
  const embedding = {
    openai: { apiKey: `sk-${CANARY}`, baseUrl: embeddings.url },
    requests: { attempts: 1, attemptTimeout: 5_000 },
  };
  const options = { log, embedding, chatModel: chatModel(`sk-${CANARY}`), jwt };
  const api = await createTestApi(testDatabase.database, options);
  const { key, id: tenantId } = await api.addTenant();
  const post = (path: string, body: object, credential = key) => api.call("POST", path, { key: credential, body });
  const documents = [{ id: `id ${CANARY}`, content: `text ${CANARY}`, metadata: { secret: CANARY } }];
  await post("/v1/documents", { documents });

  await post("/v1/tools/search", { query: `find ${CANARY}`, filter: { secret: CANARY } });
  await post("/v1/tools/search", { query: CANARY, filter: { [CANARY]: { $bad: CANARY } } });
  await post("/v1/tools/search", { query: CANARY, [CANARY]: CANARY });
  for (const stream of [false, true]) {
    const ask = () => post("/v1/chat", question(`what is ${CANARY}`, stream));
    chat.script({ kind: "text", pieces: [`It is ${CANARY} `, "[1]."] });
    expect((await ask()).text).toContain(CANARY);
    chat.script({ kind: "calls", calls: [{ name: CANARY, arguments: `{"query":"${CANARY}` }] });
    expect((await ask()).status).toBe(200);
    for (const failing of [
      { kind: "status", status: 500, message: `cannot say ${CANARY}` },
      { kind: "status", status: 400, message: `bad ${CANARY}`, code: CANARY },
      { kind: "error", after: [`It is ${CANARY}`], message: `broke at ${CANARY}` },
      { kind: "drop", after: [`It is ${CANARY}`] },
      { kind: "hang", after: [`It is ${CANARY}`] },
      { kind: "half", after: [`It is ${CANARY}`] },
      { kind: "garbage" },
    ] as const) {
      chat.script(failing);
      expect((await ask()).text).toContain('"code":"chat_failed"');
    }
  }
  expect(JSON.stringify(chat.requests)).toContain(CANARY);

  const runJob = async (body: object) => {
    const { headers } = await post("/v1/documents/bulk", body);
    const { text } = await api.call("GET", `${headers.get("Location")}/events`, { key });
    return text;
  };
  expect(await runJob({ documents })).toContain('"completed"');
  embeddings.always({ kind: "status", status: 500, message: `cannot embed ${CANARY}` });
  expect(await runJob({ documents: [{ id: CANARY, content: `again ${CANARY}` }] })).toContain('"failed"');
  embeddings.always(null);

  const token = await issuer.token(tenantId, { sub: CANARY, [CANARY]: CANARY });
  expect((await post("/v1/tools/search", { query: CANARY }, token)).status).toBe(200);
  for (const bad of [
    await issuer.token(CANARY, { sub: CANARY }),
    await issuer.token(tenantId, { iss: CANARY }),
    await issuer.token(tenantId, { aud: CANARY }),
    `${token}${CANARY}`,
  ])
    expect((await post("/v1/tools/search", { query: CANARY }, bad)).status).toBe(401);
  const elsewhere = { ...jwt, jwksUrl: `http://127.0.0.1:9/${CANARY}` };
  const unreadable = await createTestApi(testDatabase.database, { ...options, jwt: elsewhere });
  expect((await unreadable.call("GET", "/v1/collections", { key: token })).status).toBe(503);

  // An unexpected error in each of these.
  const exploding = failAtRead(testDatabase.database, {
    nth: 2,
    error: new TypeError(`exploded at ${CANARY}`),
  });
  const failing = await createTestApi(exploding.database, options);
  const expectFailure = async (path: string, body: object, text: string) => {
    exploding.begin();
    expect((await failing.call("POST", path, { key, body })).text, path).toContain(text);
  };
  chat.script({ kind: "calls", calls: [{ name: "search", arguments: `{"query":"${CANARY}"}` }] });
  await expectFailure("/v1/chat", question(CANARY, true), "event: error");
  chat.script({ kind: "calls", calls: [{ name: "search", arguments: `{"query":"${CANARY}"}` }] });
  await expectFailure("/v1/chat", question(CANARY), "internal_error");
  await Promise.all([embeddings.stop(), issuer.stop()]);

  const all = lines.join("");
  for (const secret of [CANARY, key, key.slice(6, 30), token.slice(0, 40)]) expect(all).not.toContain(secret);
  const records = lines.map((line) => JSON.parse(line)); // fails if anything was printed outside the log
  const routes = new Set(records.map(({ route }) => route));
  for (const route of ["/v1/chat", "/v1/tools/search", "/v1/documents/bulk", "/v1/jobs/:job/events"])
    expect(routes).toContain(route);
  expect(records.filter(({ message }) => message === "failure").map(({ error }) => error.name)).toEqual([
    "TypeError",
    "TypeError",
  ]);
});
