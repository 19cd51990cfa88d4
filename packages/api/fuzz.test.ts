import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestApi, type TestApi } from "../../test/support/api.ts";
import { type ChatApi, startChatApi } from "../../test/support/chat-api.ts";
import { createTestDatabase, type TestDatabase } from "../../test/support/database.ts";
import { type ApiDescription, readDescription } from "../../test/support/openapi.ts";
import { type GeneratedRequest, requestArbitrary } from "../../test/support/request-arbitrary.ts";

const REQUESTS = 10_000;

let own: TestDatabase;
let api: TestApi;
let chat: ChatApi;
let description: ApiDescription;
beforeAll(async () => {
  own = await createTestDatabase();
  chat = await startChatApi();
  const chatModel = createChatModel({ model: "scripted", apiKey: "k", baseUrl: chat.url });
  api = await createTestApi(own.database, { chatModel, maxBody: 200_000, chromaUrl: "http://127.0.0.1:9" });
  description = await readDescription(api);
});
afterAll(async () => {
  await api?.queue.close();
  await own?.drop();
  await chat?.stop();
});

/** Whether an answer is one that the description tells of: its status, its type and its shape. */
function createChecker({ document }: ApiDescription) {
  const ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: true });
  formats.default(ajv);
  ajv.addSchema({ $id: "api", ...document });
  return (
    request: GeneratedRequest,
    { status, headers, text }: { status: number; headers: Headers; text: string },
  ) => {
    const { operation } = request;
    const pointer = (value: string) => value.replaceAll("~", "~0").replaceAll("/", "~1");
    const described = operation.responses[status];
    if (!described) return `answers ${status}, which is not described: ${text.slice(0, 300)}`;
    const type = (headers.get("Content-Type") ?? "").split(";")[0] as string;
    if (!described.content) return text === "" ? undefined : `has a body with ${status}`;
    if (!described.content[type]) return `answers ${status} as ${type}, which is not described`;
    if (!type.endsWith("json")) return undefined;
    const place = `paths/${pointer(operation.path)}/${operation.method.toLowerCase()}/responses/${status}/content/${pointer(type)}/schema`;
    const validate = ajv.getSchema(`api#/${place.split("/").map(encodeURIComponent).join("/")}`);
    if (!validate) return `has no schema at ${place}`;
    return validate(JSON.parse(text))
      ? undefined
      : `is not as described: ${ajv.errorsText(validate.errors)}: ${text.slice(0, 300)}`;
  };
}

test(`${REQUESTS} generated requests, good and broken: no 5xx, and no answer that the description does not tell of`, async () => {
  const tenant = await api.addTenant();
  const { secret: reader } = await createApiKey(own.database, tenant.id, { scopes: ["read"] });
  await api.call("POST", "/v1/documents", {
    key: tenant.key,
    body: { documents: [{ id: "returns", content: "a kettle in Kiel" }] },
  });
  const check = createChecker(description);
  const counts: Record<number, number> = {};
  const reached = new Set<string>();
  const arbitrary = fc.tuple(
    requestArbitrary({
      ...description,
      // A watcher waits for its job's end, and the tenant's own deletion would end the test.
      operations: description.operations.filter(({ operationId }) => operationId !== "watchJob"),
    }),
    fc.constantFrom(
      tenant.key,
      tenant.key,
      tenant.key,
      tenant.key,
      api.operator,
      api.operator,
      reader,
      undefined,
    ),
  );
  await fc.assert(
    fc.asyncProperty(arbitrary, async ([request, key]) => {
      const { operation, path, body, headers } = request;
      const answer = await api.call(operation.method, path, { key, raw: body, headers });
      counts[answer.status] = (counts[answer.status] ?? 0) + 1;
      if (answer.status < 300) reached.add(operation.operationId);
      const fault =
        answer.status >= 500 ? `answers ${answer.status}: ${answer.text}` : check(request, answer);
      if (fault) throw new Error(`${operation.method} ${path} ${fault}\nbody: ${body?.slice(0, 500)}`);
      if (answer.status >= 400) expect(answer.body.detail.length).toBeGreaterThan(10);
    }),
    { numRuns: REQUESTS, endOnFailure: true, seed: Number(process.env.FUZZ_SEED ?? 42) },
  );
  // Not vacuous: requests get through, and are refused in more than one way.
  expect(counts[200]).toBeGreaterThan(REQUESTS / 20);
  expect(counts[400]).toBeGreaterThan(REQUESTS / 20);
  for (const status of [201, 202, 401, 403, 404, 415, 422])
    expect(counts[status], String(status)).toBeGreaterThan(0);
  expect(reached.size).toBeGreaterThan(20);
}, 600_000);
