import type { PlanOptions } from "@cairn/chroma/plan/options.ts";
import type { Plan } from "@cairn/chroma/plan/plan.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { beforeEach, describe, expect, inject, test } from "vitest";
import { createChromaCollection, plainRecords, putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  countRows,
  createChromaDatabase,
  createTenantCollection,
  migrateDatabase,
  planDatabase,
} from "./support/migration.ts";

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let scope: string;
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
});

const fill = async (name: string, count = 3, space = "l2") => {
  const collection = await createChromaCollection(chroma, name, { database: scope, space });
  await putRecords(collection, plainRecords(count, 4));
  return collection;
};

const planNow = (options: PlanOptions = {}) => planDatabase(testDb, chroma, { chromaDatabase: scope, ...options });
const rowCounts = () => countRows(testDb.database);

const targetPaths = ({ collections }: Plan) =>
  Object.fromEntries(
    collections.map(({ source, targetPath }) => [source.name, `${targetPath.tenant}/${targetPath.collection}`]),
  );

describe("the targets of collections", () => {
  test("patterns are tried in order, after the mapping", async () => {
    for (const name of ["tenant_acme_faq", "kb-globex", "shared", "scratch"]) await fill(name);
    const plan = await planNow({
      patterns: ["tenant_{tenant}_{collection}", "kb-{tenant}"],
      mapping: {
        shared: { tenant: "acme", collection: "shared" },
        [`default_tenant/${scope}/scratch`]: null,
      },
    });
    expect(targetPaths(plan)).toEqual({
      tenant_acme_faq: "acme/faq",
      "kb-globex": "globex/knowledge",
      shared: "acme/shared",
    });
    expect(plan.skipped.map(({ name }) => name)).toEqual(["scratch"]);
    expect(plan.unmapped).toEqual([]);
  });

  test("an entry with the path has precedence over an entry with the name", async () => {
    await fill("faq");
    expect(
      targetPaths(
        await planNow({
          mapping: {
            faq: { tenant: "a", collection: "x" },
            [`default_tenant/${scope}/faq`]: { tenant: "b", collection: "y" },
          },
        }),
      ),
    ).toEqual({ faq: "b/y" });
  });

  test("--only plans only matching collections, and other names need not match a pattern", async () => {
    for (const name of ["tenant_acme_faq", "tenant_acme_faq-old", "scratch"]) await fill(name);
    const plan = await planNow({ only: ["tenant_*_faq", "*-old"] });
    expect(Object.keys(targetPaths(plan))).toEqual(["tenant_acme_faq", "tenant_acme_faq-old"]);
    expect(plan.skipped.map(({ name }) => name)).toEqual(["scratch"]);
  });

  test.each<[string, PlanOptions, RegExp]>([
    ["an --only", { only: ["tenant_*", "scatch"] }, /--only names "scatch".*closest names are "scratch", /],
    ["a null of the mapping", { mapping: { scrach: null } }, /--map names "scrach".*closest names are "scratch", /],
    [
      "a path of the mapping",
      { mapping: { "default_tenant/elsewhere/scratch": null } },
      /closest names are "default_tenant\/test_\w+\/scratch", /,
    ],
  ])(
    "%s that names no collection stops the migration and suggests the closest names",
    async (_name, options, message) => {
      for (const name of ["tenant_acme_faq", "tenant_acme_scratchpad", "scratch"]) await fill(name);
      const before = await rowCounts();
      await expect(migrateDatabase(testDb.database, chroma, scope, options)).rejects.toMatchObject({
        code: "invalid_input",
        message: expect.stringMatching(message),
      });
      expect(await rowCounts()).toEqual(before);
    },
  );

  test("unmapped names stop the migration before anything is written, and each is listed with what to do", async () => {
    for (const name of ["tenant_acme_faq", "scratch", "notes"]) await fill(name);
    const before = await rowCounts();
    await expect(migrateDatabase(testDb.database, chroma, scope)).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.stringMatching(
        /2 collections.*nothing was written(?=[\s\S]*scratch: .*--map.*--pattern.*--only)(?=[\s\S]*notes: )/,
      ),
    });
    expect(await rowCounts()).toEqual(before);
  });

  test("two collections with one target stop the migration, and both are named", async () => {
    for (const name of ["tenant_acme_faq", "faq"]) await fill(name);
    const mapping = { faq: { tenant: "acme", collection: "faq" } };
    const before = await rowCounts();
    await expect(migrateDatabase(testDb.database, chroma, scope, { mapping })).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.stringMatching(
        /tenant_acme_faq: Its target would be collection faq of tenant acme, which is also the target of .*\/faq/,
      ),
    });
    expect(await rowCounts()).toEqual(before);
  });

  test("a tenant of 32 hex digits becomes the UUID, in upper and lower case", async () => {
    const { name, tenant } = await createTenantCollection(chroma, scope);
    expect(targetPaths(await planNow())).toEqual({ [name]: `${tenant}/knowledge` });
    await migrateDatabase(testDb.database, chroma, scope);
    expect(await getCollection(testDb.database, tenant)).toMatchObject({ metric: "l2", dimensions: null });
  });
});
