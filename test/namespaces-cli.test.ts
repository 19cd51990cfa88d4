import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { useCairnCli } from "./support/cairn-cli.ts";

const cli = useCairnCli();
beforeAll(async () => {
  await cli.run(["db", "migrate"]);
});

test("a namespace is created with the options of a migration, listed and deleted", async () => {
  await writeFile(join(cli.folder, "map.json"), '{"faq": {"tenant": "acme"}, "scratch": null}');
  const options = ["--pattern", "kb-{tenant}", "--pattern", "{collection}", "--tenant", "acme"];
  const created = await cli.json("namespaces", "create", "shop", ...options, "--map", "map.json", "--fallback", "misc");
  expect(created).toMatchObject({
    name: "shop",
    settings: {
      patterns: ["kb-{tenant}", "{collection}"],
      tenant: "acme",
      mapping: { faq: { tenant: "acme", collection: "knowledge" }, scratch: null },
      fallback: "misc",
    },
  });
  expect(await cli.json("namespaces", "list")).toEqual([created]);
  expect((await cli.run(["namespaces"])).out).toMatch(/kb-\{tenant\}, \{collection\}\s+misc/);
  expect(await cli.run(["namespaces", "create", "shop"])).toMatchObject({
    code: 1,
    err: expect.stringContaining("already taken"),
  });
  expect(await cli.run(["namespaces", "delete", "shop"])).toMatchObject({ code: 2 });
  expect(await cli.run(["namespaces", "delete", "shop", "--yes"])).toMatchObject({ code: 0 });
  expect(await cli.json("namespaces", "list")).toEqual([]);
});

test("a pattern that cannot be used is refused with its option", async () => {
  expect(await cli.run(["namespaces", "create", "refused", "--pattern", "{collection}"])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/--tenant must name the tenant/),
  });
});

test("keys of a namespace are created, listed and revoked, apart from the operator's", async () => {
  await cli.run(["namespaces", "create", "keyed"]);
  const { key, secret } = await cli.json("namespaces", "keys", "create", "keyed", "--scopes", "read");
  expect(secret).toMatch(/^cairn_ns_/);
  expect(await cli.json("namespaces", "keys", "list", "keyed")).toMatchObject([{ id: key.id, scopes: ["read"] }]);
  expect(await cli.json("keys", "list", "--operator")).toEqual([]);
  expect(await cli.run(["namespaces", "keys", "create", "keyed", "--scopes", "admin"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("The scopes are read, write."),
  });
  expect((await cli.run(["namespaces", "keys", "revoke", "keyed", key.id])).out).toContain("Revoked");
  expect((await cli.run(["namespaces", "keys", "list", "keyed"])).out).toContain("revoked");
});
