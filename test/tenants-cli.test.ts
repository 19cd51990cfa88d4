import { join } from "node:path";
import { connect } from "@cairn/core/database/connect.ts";
import { addCounts } from "@cairn/core/usage/add-counts.ts";
import { beforeAll, expect, test } from "vitest";
import { useCairnCli } from "./support/cairn-cli.ts";

const UUID = "6f1d2a84-c0b9-4e5f-a7d3-318e5b2c9a10";
const UUID_WITHOUT_DASHES = UUID.replaceAll("-", "");
const cli = useCairnCli();
beforeAll(async () => {
  await cli.run(["db", "migrate"]);
  await cli.run(["tenants", "create", "acme", "--id", UUID_WITHOUT_DASHES.toUpperCase()]);
});

test("a tenant can be renamed by its id in any UUID notation", async () => {
  expect(await cli.json("tenants", "rename", `urn:uuid:${UUID}`, "Acme & Söhne")).toMatchObject({
    id: UUID,
    name: "Acme & Söhne",
  });
  expect(await cli.run(["tenants", "rename", UUID_WITHOUT_DASHES, "a\nb"])).toMatchObject({ code: 2 });
  expect(await cli.json("tenants", "list")).toMatchObject([{ id: UUID, name: "Acme & Söhne" }]);
});

test("set-model requires --yes if the collection has vectors", async () => {
  const tenant = ["--tenant", UUID_WITHOUT_DASHES];
  await cli.run(["collections", "create", "faq", "--dimensions", "2", "--model", "local/a", ...tenant]);
  const input = '{"id": "a", "content": "hours", "embedding": [1, 2]}\n';
  const ingest = ["ingest", "-", "--collection", "faq", "--tenant", `{${UUID.toUpperCase()}}`];
  expect(await cli.run(ingest, { input })).toMatchObject({
    code: 0,
    err: expect.not.stringContaining("error"),
  });
  const setModel = ["collections", "set-model", "faq", "local/b", "--tenant", UUID.replaceAll("-", "_")];
  expect(await cli.run(setModel)).toMatchObject({
    code: 2,
    err: expect.stringMatching(/has vectors.*--yes/),
  });
  expect(await cli.json(...setModel, "--yes")).toMatchObject({ embeddingModel: "local/b" });
});

test("limits are shown, set and removed one by one, and a write beyond a quota is refused with the way out", async () => {
  await cli.run(["tenants", "create", "limited"]);
  const limits = ["tenants", "limits", "limited"];
  expect(await cli.json(...limits, "--rows", "1", "--requests", "60")).toEqual({
    storedRows: 1,
    requestsPerMinute: 60,
  });
  expect(await cli.json(...limits, "--requests", "none")).toEqual({ storedRows: 1 });
  expect(await cli.run(limits)).toMatchObject({ code: 0, out: expect.stringMatching(/rows +1 .*\nbytes +not set/) });
  expect(await cli.run([...limits, "--rows", "-1"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("or none"),
  });
  const tenant = ["--tenant", "limited", "--collection", "c"];
  await cli.run(["collections", "create", "c", "--dimensions", "2", "--tenant", "limited"]);
  const input = '{"id": "a", "embedding": [1, 2]}\n{"id": "b", "embedding": [1, 2]}\n';
  const refused = await cli.run(["ingest", "-", ...tenant], { input });
  expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/Quota exceeded.*its quota is 1 rows?\b/s) });
  expect(await cli.json("stats", "--tenant", "limited")).toMatchObject({ collections: [{ passages: 0 }] });
});

test("usage is shown as a table, JSON and CSV, of one tenant or of all", async () => {
  const { id } = await cli.json("tenants", "create", "used");
  const database = await connect({ url: cli.databaseUrl, directory: join(cli.folder, ".cairn") });
  const day = { tenantId: id, day: "2026-01-31" };
  await addCounts(database, [
    { ...day, kind: "requests", model: "", n: 7 },
    { ...day, kind: "embedding_tokens", model: "openai/a", n: 1_200 },
  ]);
  await database.close();
  const usage = ["usage", "--from", "2026-01-01", "--to", "2026-01-31"];
  const one = [...usage, "--tenant", "used"];
  const table = (await cli.run(one)).out;
  expect(table).toMatch(/2026-01-31 +used +7 +0 .*embedding openai\/a: 1,200/);
  expect(await cli.json(...one)).toMatchObject({
    days: [{ day: "2026-01-31", tenant: "used", requests: 7, storedRows: null }],
  });
  const csv = `2026-01-31,${id},used,requests,,7\r\n`;
  expect((await cli.run([...one, "--csv"])).out).toContain(csv);
  expect((await cli.run([...usage, "--csv"])).out).toContain(csv);
  expect(await cli.run(["usage", "--from", "soon"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("2026-11-30"),
  });
});
