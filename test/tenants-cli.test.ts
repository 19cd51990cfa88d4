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
