import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import { runSet } from "@cairn/core/evaluation/run-set.ts";
import { createSet } from "@cairn/core/evaluation/set.ts";
import { createJob } from "@cairn/core/job/job.ts";
import { createReranker } from "@cairn/core/rerank/create-reranker.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { createNamespace } from "@cairn/core/tenant/namespace.ts";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { useTestApi } from "../../test/support/api.ts";
import { startChatApi } from "../../test/support/chat-api.ts";
import { useServer, useTestDatabase } from "../../test/support/fixture.ts";
import { type ApiDescription, readDescription } from "../../test/support/openapi.ts";
import { type ExistingIds, type GeneratedRequest, requestArbitrary } from "../../test/support/request-arbitrary.ts";
import { startRerankApi } from "../../test/support/rerank-api.ts";

const REQUESTS = 10_000;

/** Operations that no request reaches, with the reason. All others must be reached. */
const UNREACHED = {
  getMigration: "no migration can be started: there is no Chroma server",
  getMigrationReport: "a report needs a migration that has ended, and there is no Chroma server",
  watchJob: "it waits until a job ends, so it is not requested",
};

const testDatabase = useTestDatabase();
const chat = useServer(startChatApi);
const reranking = useServer(() => startRerankApi());
const api = useTestApi(testDatabase, () => ({
  reranker: createReranker({ format: "cohere", url: reranking.url, model: "ranker" }),
  chatModel: createChatModel({ model: "scripted", apiKey: "k", baseUrl: chat.url }),
  maxBody: 200_000,
  chromaUrl: "http://127.0.0.1:9",
}));
let description: ApiDescription;
beforeAll(async () => {
  description = await readDescription(api);
});

/** Checks the status, content type and body of a response against the description. */
function createChecker({ document }: ApiDescription) {
  const ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: true });
  formats.default(ajv);
  ajv.addSchema({ $id: "api", ...document });
  return (request: GeneratedRequest, { status, headers, text }: { status: number; headers: Headers; text: string }) => {
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

/** The name of the tenant that the example of the description creates. */
const ACME = "acme";

/** Tenants of a cut-over. In some phases nobody can write their collections, so they are not the requesting tenant. */
const MOVING = Array.from({ length: 20 }, (_, number) => `moving ${number}`);

/** Question sets that requests delete. */
const DELETED_SETS = Array.from({ length: 20 }, (_, number) => `deleted ${number}`);

/** Ids of existing objects of the tenant, by parameter name. */
async function makeIds(tenantId: string) {
  const jobs = [null, tenantId].map((owner) =>
    createJob(testDatabase.database, owner, { kind: "never begun", request: {} }),
  );
  const keys = Array.from({ length: 20 }, () => createApiKey(testDatabase.database, tenantId));
  const { id: namespaceId } = await createNamespace(testDatabase.database, { name: "kept", settings: {} });
  for (const tenant of MOVING)
    expect(
      (await api.call("POST", `/v1/cutover/${tenant}/advance`, { key: api.operator, body: { namespace: "kept" } }))
        .status,
    ).toBe(200);
  const { database } = testDatabase;
  const questions = [{ id: "1", text: "a kettle", grades: new Map([["returns", 1]]) }];
  for (const name of ["judged", ...DELETED_SETS]) await createSet(database, tenantId, { name, questions });
  const variants = [{ name: "keyword", options: { mode: "keyword" as const } }];
  const { run } = await runSet(testDatabase.services, tenantId, { set: "judged", variants, startedBy: "request" });
  const namespaceKeys = await Promise.all(keys.map(() => createApiKey(testDatabase.database, { namespaceId })));
  return {
    collection: ["knowledge"],
    document: ["returns"],
    job: (await Promise.all(jobs)).map(({ id }) => id),
    key: [...(await Promise.all(keys)), ...namespaceKeys].map(({ key }) => key.id),
    namespace: [namespaceId],
    set: ["judged"],
    run: [run],
  };
}

test(`${REQUESTS} generated valid and invalid requests cause no 5xx and no undescribed response`, async () => {
  const tenant = await api.addTenant();
  const { secret: reader } = await createApiKey(testDatabase.database, tenant.id, { scopes: ["read"] });
  await api.call("POST", "/v1/documents", {
    key: tenant.key,
    body: { documents: [{ id: "returns", content: "a kettle in Kiel" }] },
  });
  const ids = await makeIds(tenant.id);
  // A namespace that the example of the description creates may be deleted.
  const deletable = { deleteNamespace: ["shop"], deleteQuestionSet: DELETED_SETS } as Record<string, readonly string[]>;
  // The requesting tenant must not be deleted, disabled or limited.
  const tenants = { changeTenant: [ACME], deleteTenant: [ACME] } as Record<string, string[]>;
  const known: ExistingIds = ({ operationId, path }, parameter) =>
    parameter === "tenant"
      ? path.startsWith("/v1/cutover")
        ? MOVING
        : (tenants[operationId] ?? [ACME, tenant.id])
      : (deletable[operationId] ?? (ids[parameter as keyof typeof ids] as readonly string[]));
  const check = createChecker(description);
  const counts: Record<number, number> = {};
  const names = description.operations.map(({ operationId }) => operationId).sort();
  let unknownParameters = 0;
  const reached = new Set<string>();
  const seed = Number(process.env.FUZZ_SEED ?? 42);
  const send = async (numRuns: number, isSent: (operationId: string) => boolean) => {
    const operations = description.operations.filter(
      ({ operationId }) => operationId !== "watchJob" && isSent(operationId),
    );
    const arbitrary = fc.tuple(
      requestArbitrary({ ...description, operations }, known),
      fc.constantFrom(tenant.key, tenant.key, tenant.key, tenant.key, api.operator, api.operator, reader, undefined),
    );
    const property = fc.asyncProperty(arbitrary, async ([request, key]) => {
      const { operation, path, body, headers } = request;
      const answer = await api.call(operation.method, path, { key, raw: body, headers });
      counts[answer.status] = (counts[answer.status] ?? 0) + 1;
      if (answer.status < 300) reached.add(operation.operationId);
      const isIgnored = request.undescribed !== undefined && answer.status < 400;
      if (request.undescribed !== undefined && answer.body?.path === request.undescribed) unknownParameters++;
      const failure =
        answer.status >= 500 || isIgnored ? `answers ${answer.status}: ${answer.text}` : check(request, answer);
      if (failure) throw new Error(`${operation.method} ${path} ${failure}\nbody: ${body?.slice(0, 500)}`);
      if (answer.status >= 400) expect(answer.body.detail.length).toBeGreaterThan(10);
    });
    await fc.assert(property, { numRuns, endOnFailure: true, seed });
  };
  await send(REQUESTS, () => true);
  // Some operations succeed only on a tenant or a namespace that exists at that moment.
  await send(REQUESTS / 10, (operationId) => !reached.has(operationId) || operationId.startsWith("create"));
  // The test is not vacuous: requests succeed, and fail with several statuses.
  expect(counts[200]).toBeGreaterThan(REQUESTS / 20);
  expect(counts[400]).toBeGreaterThan(REQUESTS / 20);
  for (const status of [201, 202, 401, 403, 404, 415, 422]) expect(counts[status], String(status)).toBeGreaterThan(0);
  expect(unknownParameters).toBeGreaterThan(REQUESTS / 100);
  expect(names.filter((name) => !reached.has(name))).toEqual(Object.keys(UNREACHED));
}, 600_000);
