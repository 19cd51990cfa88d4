import { advance } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { deleteTenant } from "@cairn/core/tenant/tenant.ts";
import { expect, test } from "vitest";
import { useTestDatabase } from "./support/fixture.ts";
import { records, useGateway } from "./support/gateway.ts";

// Tenants that an operator deletes during their cut-over.

const testDatabase = useTestDatabase();
const { send, create, enter, namespace } = useGateway(testDatabase);

test("a tenant is not deleted while Chroma would serve again what was deleted in Cairn", async () => {
  const at = await create("tenant_leaving_faq");
  await send("POST", `${at}/add`, records("kept", "deleted"));
  await advance(testDatabase.database, "leaving", { namespace });
  for (const phase of ["mirror", "shadow", "cairn"]) {
    await expect(deleteTenant(testDatabase.database, "leaving")).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.stringContaining(`in the phase ${phase}`),
    });
    if (phase !== "cairn") await enter("leaving");
  }
  await send("POST", `${at}/delete`, { ids: ["deleted"] });
  await expect(deleteTenant(testDatabase.database, "leaving")).rejects.toMatchObject({ code: "invalid_input" });
  expect((await send("POST", `${at}/get`, {})).body.ids).toEqual(["kept"]);
});
