import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { useTestApi } from "../../../test/support/api.ts";
import { cairnPeer, chromaOptions } from "../../../test/support/chroma-api.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { readDescription } from "../../../test/support/openapi.ts";
import { requestArbitrary } from "../../../test/support/request-arbitrary.ts";

const REQUESTS = 4_000;
const BASE = "/api/v2/tenants/default_tenant/databases/default_database";

/** The routes that answer 500 as a Chroma server on one node does, and the text of such an answer of a query. */
const EXPECTED_500 = /scout_logs is not implemented|Error finding id/;

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => chromaOptions({ maxBody: 200_000, allowReset: false }));

test(`${REQUESTS} generated valid and invalid requests are answered in Chroma's form`, async () => {
  const tenant = await api.addTenant();
  const { secret: reader } = await createApiKey(testDatabase.database, tenant.id, { scopes: ["read"] });
  const peer = cairnPeer(api, tenant.key);
  const collections: string[] = [];
  for (const name of ["one", "two", "six"]) {
    const { text } = await peer.request("POST", `${BASE}/collections`, { name });
    collections.push(JSON.parse(text).id);
  }
  const description = await readDescription(api);
  const operations = description.operations.filter(({ path }) => path.startsWith("/api/v2"));
  expect(operations.length).toBeGreaterThan(25);
  const known: Readonly<Record<string, readonly string[]>> = {
    tenant: ["default_tenant", tenant.id],
    database: ["default_database"],
    collection_id: collections,
    name: ["one", "two"],
    function_name: ["statistics"],
  };
  const counts: Record<number, number> = {};
  const arbitrary = fc.tuple(
    requestArbitrary({ ...description, operations }, (_, parameter) => known[parameter] as readonly string[]),
    fc.constantFrom(tenant.key, tenant.key, tenant.key, reader, api.operator, undefined),
  );
  await fc.assert(
    fc.asyncProperty(arbitrary, async ([{ operation, path, body, headers }, key]) => {
      const answer = await api.call(operation.method, path, { key, raw: body, headers });
      counts[answer.status] = (counts[answer.status] ?? 0) + 1;
      const where = `${operation.method} ${path} ${answer.status} ${answer.text.slice(0, 300)}\nbody: ${body?.slice(0, 500)}`;
      if (answer.status >= 500 && answer.status !== 501 && !EXPECTED_500.test(answer.text)) throw new Error(where);
      const isEmpty = answer.text === "" || answer.text === "Payload too large";
      if (answer.status >= 400 && !isEmpty && !(answer.body?.error && answer.body?.message)) throw new Error(where);
      if (!operation.responses[answer.status] && !isEmpty) throw new Error(`is not described: ${where}`);
    }),
    { numRuns: REQUESTS, endOnFailure: true, seed: Number(process.env.FUZZ_SEED ?? 42) },
  );
  for (const status of [200, 201, 400, 401, 403, 404, 422]) expect(counts[status], String(status)).toBeGreaterThan(0);
}, 300_000);
