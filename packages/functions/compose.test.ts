import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { beforeAll, expect, test } from "vitest";
import { startChatApi } from "../../test/support/chat-api.ts";
import { startEmbeddingApi } from "../../test/support/embedding-api.ts";
import { useServer, useTenant, useTestDatabase } from "../../test/support/fixture.ts";
import { startIssuer } from "../../test/support/issuer.ts";
import { startRerankApi } from "../../test/support/rerank-api.ts";
import { composeService } from "./compose.ts";
import { readSettings } from "./settings.ts";

const testDatabase = useTestDatabase();
const issuer = useServer(startIssuer);
const chat = useServer(startChatApi);
const reranking = useServer(() => startRerankApi({ dialect: "tei" }));
const tenantId = useTenant(testDatabase);
let key: string;
beforeAll(async () => {
  ({ secret: key } = await createApiKey(testDatabase.database, tenantId, { scopes: ["read", "write"] }));
  const documents = [{ id: "returns", content: "You may return a kettle within 30 days." }];
  const call = compose({ CAIRN_EMBEDDING_MODEL: "offline/words" }); // on a server the model has no default
  expect((await call("POST", "/v1/documents", { body: { documents } })).status).toBe(200);
});

const read = (environment: Record<string, string>, secrets: Record<string, string> = {}) =>
  readSettings((name) => ({ DatabaseUrl: "postgres://u:hunter2@h/d", ...secrets })[name], environment);

/** A client of the service with these settings. */
function compose(...settings: Parameters<typeof read>) {
  const log = { request() {}, failure: (error: unknown) => console.error(error) };
  const { app } = composeService(read(...settings), {
    database: testDatabase.database,
    queue: { async send() {} },
    log,
  });
  return async (method: string, path: string, { token = key, body }: { token?: string; body?: object } = {}) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await app.request(path, { method, headers, body: body && JSON.stringify(body) });
    return { status: answer.status, body: await answer.json() };
  };
}

test("a token of the configured issuer authenticates its tenant; another audience is 401, and so is any token without a configured issuer", async () => {
  const call = compose(issuer.variables);
  const token = issuer.token(tenantId);
  expect((await call("GET", "/v1/documents", { token })).status).toBe(200);
  const other = issuer.token(tenantId, { aud: "elsewhere" });
  expect((await call("GET", "/v1/documents", { token: other })).status).toBe(401);
  expect((await compose({})("GET", "/v1/documents", { token })).status).toBe(401);
});

test("an incomplete issuer is refused with the missing variable, and an invalid URL with its variable but not its value", () => {
  for (const [changes, fault] of [
    [{ CAIRN_JWT_AUDIENCE: "" }, /^CAIRN_JWT_AUDIENCE is not set/],
    [{ CAIRN_JWT_ISSUER: "" }, /^CAIRN_JWT_ISSUER is not set/],
    [{ CAIRN_JWT_JWKS_URL: "" }, /^CAIRN_JWT_JWKS_URL is not set/],
    [{ CAIRN_JWT_JWKS_URL: "ftp://u:hunter2@h" }, /^(?!.*hunter2)CAIRN_JWT_JWKS_URL is not a valid URL/],
    [{ CAIRN_CHAT_BASE_URL: "hunter2", CAIRN_CHAT_MODEL: "m" }, /^(?!.*hunter2)CAIRN_CHAT_BASE_URL is not a valid URL/],
  ] as const)
    expect(() => read({ ...issuer.variables, ...changes }), JSON.stringify(changes)).toThrow(fault);
  const { CAIRN_JWT_TENANT_CLAIM, ...without } = issuer.variables;
  expect(read(without).jwt).toMatchObject({ audience: "knowledge", tenantClaim: undefined });
});

test("a body larger than the configured limit is 413", async () => {
  const call = compose({ CAIRN_MAX_BODY: "2000" });
  const write = (length: number) =>
    call("POST", "/v1/documents", { body: { documents: [{ id: "long", content: "x".repeat(length) }] } });
  expect(await write(2_000)).toMatchObject({
    status: 413,
    body: { code: "body_too_large", detail: expect.stringContaining("2000 bytes") },
  });
  expect((await write(1_000)).status).toBe(200);
});

test("a request has the configured time limit, which cannot exceed the functions' limit", async () => {
  const embeddings = await startEmbeddingApi();
  embeddings.always({ kind: "hang" });
  const call = compose({ CAIRN_DEADLINE: "300", OPENAI_BASE_URL: embeddings.url });
  expect((await call("POST", "/v1/collections", { body: { name: "late" } })).status).toBe(201);
  const documents = [{ id: "late", content: "never embedded" }];
  expect(await call("POST", "/v1/documents", { body: { collection: "late", documents } })).toMatchObject({
    status: 504,
    body: { code: "deadline_exceeded", detail: expect.stringContaining("0.3 s") },
  });
  await embeddings.stop();
  expect(() => read({ CAIRN_DEADLINE: "25001" })).toThrow(/deadline/);
});

test("the rerank server has its own key; an incomplete configuration is refused with the name of the variable", async () => {
  const variables = { CAIRN_RERANK_FORMAT: "tei", CAIRN_RERANK_URL: reranking.url };
  const call = compose(variables, { RerankApiKey: "sk-ranks" });
  const found = await call("POST", "/v1/query", { body: { query: "kettle", mode: "keyword", rerank: {} } });
  expect(found.body).toMatchObject({ rerank: { applied: true, model: "tei" } });
  expect(reranking.requests.at(-1)?.authorization).toBe("Bearer sk-ranks");
  expect(() => compose({ CAIRN_RERANK_FORMAT: "tei" })).toThrow(/Set CAIRN_RERANK_URL/);
  expect(() => compose({ CAIRN_RERANK_URL: reranking.url })).toThrow(/CAIRN_RERANK_FORMAT is not set/);
  expect(() => compose({ CAIRN_RERANK_FORMAT: "unknown" })).toThrow(/rerankFormat/);
});

test("the chat model uses its own server and key, or those of the embeddings; without either chat is 503", async () => {
  const openai = { OpenAiApiKey: "sk-embeds" };
  const CAIRN_CHAT_MODEL = "scripted";
  expect(
    read({ CAIRN_CHAT_MODEL, CAIRN_CHAT_BASE_URL: chat.url }, { ...openai, ChatApiKey: "sk-speaks" }).chat,
  ).toEqual({ model: "scripted", baseUrl: chat.url, apiKey: "sk-speaks" });
  expect(read({ CAIRN_CHAT_MODEL }, { ...openai, ChatApiKey: "unset" }).chat).toEqual({
    model: "scripted",
    baseUrl: undefined,
    apiKey: "sk-embeds",
  });
  const body = { messages: [{ role: "user", content: "return" }] };
  const call = compose({ CAIRN_CHAT_MODEL, CAIRN_CHAT_BASE_URL: chat.url });
  expect(await call("POST", "/v1/chat", { body })).toMatchObject({
    status: 200,
    body: { model: "scripted" },
  });
  expect(chat.requests.at(-1)?.model).toBe("scripted");
  expect(await compose({ CAIRN_CHAT_MODEL })("POST", "/v1/chat", { body })).toMatchObject({
    status: 503,
    body: { code: "chat_not_configured" },
  });
});
