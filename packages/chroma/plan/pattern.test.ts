import { expect, test } from "vitest";
import { compilePattern, DEFAULT_PATTERN, matchesGlobs } from "./pattern.ts";

const HEX = "0123456789ABCDEF0123456789abcdef";
const UUID = "01234567-89ab-cdef-0123-456789abcdef";
const at = (name: string, database = "default_database", tenant = "default_tenant") => ({
  tenant,
  database,
  name,
});

test.each([
  [DEFAULT_PATTERN, `tenant_${HEX}_knowledge`, { tenant: UUID, collection: "knowledge" }],
  [DEFAULT_PATTERN, `tenant_${HEX}_a_b`, { tenant: UUID, collection: "a_b" }],
  [DEFAULT_PATTERN, "tenant_acme_faq", { tenant: "acme", collection: "faq" }],
  // Nothing says where the tenant ends: the first place that fits.
  [DEFAULT_PATTERN, "tenant_acme_corp_faq", { tenant: "acme", collection: "corp_faq" }],
  [DEFAULT_PATTERN, `tenant_${HEX}0_faq`, { tenant: `${HEX}0`, collection: "faq" }],
  ["kb-{tenant}", "kb-acme", { tenant: "acme", collection: "knowledge" }],
  ["{collection}-of-{tenant}", "faq-of-acme", { tenant: "acme", collection: "faq" }],
  ["kb.{tenant}.*", "kb.acme.2024", { tenant: "acme", collection: "knowledge" }],
  ["v1+{tenant}(x)_{collection}", "v1+acme(x)_faq", { tenant: "acme", collection: "faq" }],
])("the pattern %s takes %s apart", (pattern, name, place) => {
  expect(compilePattern(pattern)(at(name))).toEqual(place);
});

test.each([
  [DEFAULT_PATTERN, "faq"],
  [DEFAULT_PATTERN, "tenant_acme_"],
  [DEFAULT_PATTERN, "my_tenant_acme_faq"],
  ["kb.{tenant}", "kbxacme"],
  ["kb-{tenant}", "kb_acme"],
])("the pattern %s does not match %s", (pattern, name) => {
  expect(compilePattern(pattern)(at(name))).toBeUndefined();
});

test("a pattern with slashes is matched with Chroma's tenant and database, another with the name alone", () => {
  const match = compilePattern("*/{tenant}/{collection}");
  expect(match(at("faq", "acme"))).toEqual({ tenant: "acme", collection: "faq" });
  expect(
    compilePattern("{tenant}/default_database/{collection}")(at("faq", "default_database", HEX)),
  ).toEqual({ tenant: UUID, collection: "faq" });
  expect(compilePattern("{tenant}/other/*")(at("faq"))).toBeUndefined();
});

test("without {tenant} the tenant that was named is taken, without {collection} it is knowledge", () => {
  expect(compilePattern("{collection}", "acme")(at("faq"))).toEqual({ tenant: "acme", collection: "faq" });
  expect(compilePattern("*", HEX)(at("whatever"))).toEqual({ tenant: UUID, collection: "knowledge" });
});

test.each([
  ["{tenant}_{tenant}", undefined],
  ["{name}_{tenant}", undefined],
  ["{}_{tenant}", undefined],
  ["{collection}", undefined],
])("the pattern %s is refused by its flag", (pattern, fallback) => {
  expect(() => compilePattern(pattern, fallback)).toThrow(
    expect.objectContaining({ code: "invalid_input", path: "--pattern" }),
  );
});

test.each([
  ["faq", ["faq"], true],
  ["faq2", ["faq"], false],
  ["kb-acme", ["kb-*"], true],
  ["kb.acme", ["kb-*"], false],
  ["a+b", ["*+b"], true],
  ["faq", ["x", "f*q"], true],
  ["faq", [], true],
])("%s among the globs %j: %s", (name, globs, matches) => {
  expect(matchesGlobs(name, globs)).toBe(matches);
});
