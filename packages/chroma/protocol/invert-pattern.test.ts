import { expect, test } from "vitest";
import { invertPattern } from "./invert-pattern.ts";
import { DEFAULT_PATTERN } from "./pattern.ts";

const DEFAULTS = { tenant: "default_tenant", database: "default_database" };
const ID = "6f1d2a84-0000-4000-8000-000000000000";

test("the path of a target is the one that the pattern maps to it", () => {
  const target = { tenant: "acme", collection: "faq" };
  expect(invertPattern(DEFAULT_PATTERN, target)).toEqual({ ...DEFAULTS, name: "tenant_acme_faq" });
  expect(invertPattern("{tenant}/*/{collection}", target)).toEqual({
    tenant: "acme",
    database: "default_database",
    name: "faq",
  });
  expect(invertPattern("*/{tenant}/kb-{collection}", target)).toEqual({
    tenant: "default_tenant",
    database: "acme",
    name: "kb-faq",
  });
  expect(invertPattern("{collection}", target)).toEqual({ ...DEFAULTS, name: "faq" });
  expect(invertPattern("{tenant}", { tenant: ID, collection: "knowledge" })).toEqual({ ...DEFAULTS, name: ID });
  expect(invertPattern(DEFAULT_PATTERN, { tenant: ID, collection: "a_b" })).toEqual({
    ...DEFAULTS,
    name: `tenant_${ID}_a_b`,
  });
});

test("a path that would not lead back to the target is none", () => {
  expect(invertPattern(DEFAULT_PATTERN, { tenant: "acme", collection: "a_b" })).toBeUndefined();
  expect(invertPattern("{tenant}", { tenant: "acme", collection: "faq" })).toBeUndefined();
  expect(invertPattern("{tenant}_*", { tenant: "acme", collection: "knowledge" })).toBeUndefined();
});
