import { advance } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { expect, test } from "vitest";
import { cairnPeer } from "./support/chroma-api.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { useGateway } from "./support/gateway.ts";

// Writes at the edges of what Chroma takes, while Cairn follows.

const testDatabase = useTestDatabase();
const gateway = useGateway(testDatabase);
const { api, sendToChroma, create, waitFor, namespace } = gateway;

/** Creates a collection of a tenant that Cairn follows. `post` sends the text of a body as it is. */
async function follow(tenant: string) {
  const at = await create(`tenant_${tenant}_faq`);
  const { database } = (await sendToChroma("GET", `/collections/tenant_${tenant}_faq`)).body;
  await advance(testDatabase.database, tenant, { namespace });
  await waitFor(tenant, ({ compared }) => compared?.identical === true);
  const base = `/api/v2/tenants/default_tenant/databases/${database}`;
  const post = (path: string, text: string) => cairnPeer(api, gateway.key).request("POST", `${base}${at}${path}`, text);
  return { at, post };
}

test("a delete by a condition keeps integers that a double cannot represent", async () => {
  const { at, post } = await follow("exact");
  const body = `{"ids":["a","b"],"embeddings":[[1],[1]],"metadatas":[{"n":9007199254740993},{"n":9007199254740992}]}`;
  expect((await post("/add", body)).status).toBe(201);
  expect(await post("/delete", `{"where":{"n":9007199254740993}}`)).toMatchObject({ status: 200 });
  expect((await sendToChroma("POST", `${at}/get`, {})).body.ids).toEqual(["b"]);
});
