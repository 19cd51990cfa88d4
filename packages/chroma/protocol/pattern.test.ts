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
  [DEFAULT_PATTERN, `tenant_${HEX}0_faq`, { tenant: `${HEX}0`, collection: "faq" }],
  ["kb-{tenant}", "kb-acme", { tenant: "acme", collection: "knowledge" }],
  ["{collection}-of-{tenant}", "faq-of-acme", { tenant: "acme", collection: "faq" }],
  ["kb.{tenant}.*", "kb.acme.2024", { tenant: "acme", collection: "knowledge" }],
  ["v1+{tenant}(x)_{collection}", "v1+acme(x)_faq", { tenant: "acme", collection: "faq" }],
])("the pattern %s splits %s", (pattern, name, targetPath) => {
  expect(compilePattern(pattern)(at(name))).toEqual(targetPath);
});

const GROUPS = "01234567_89AB_cdef_0123_456789abcdef";
test.each([
  [DEFAULT_PATTERN, `tenant_${GROUPS}_faq`, "faq"],
  [DEFAULT_PATTERN, `tenant_${GROUPS}_faq_${GROUPS}`, `faq_${GROUPS}`],
  [DEFAULT_PATTERN, `tenant_${UUID.toUpperCase()}_a_b`, "a_b"],
  ["{collection}_{tenant}", `a_b_${GROUPS}`, "a_b"],
  ["{collection}-{tenant}", `a-b-${UUID}`, "a-b"],
  ["*_{tenant}_{collection}", `kb_${HEX}_a_b`, "a_b"],
])("a UUID shows where the tenant ends: %s splits %s", (pattern, name, collection) => {
  expect(compilePattern(pattern)(at(name))).toEqual({ tenant: UUID, collection });
});

test.each([`{${UUID}}`, `urn:uuid:${UUID}`, `URN:UUID:${UUID.toUpperCase()}`, UUID.replaceAll("-", "_"), HEX])(
  "a Chroma tenant %s becomes its UUID",
  (tenant) => {
    const match = compilePattern("{tenant}/*/{collection}");
    expect(match(at("faq", "main", tenant))).toEqual({ tenant: UUID, collection: "faq" });
  },
);

test.each([
  [DEFAULT_PATTERN, "tenant_acme_corp_docs"],
  [DEFAULT_PATTERN, "tenant_acme__docs"],
  [DEFAULT_PATTERN, `tenant_acme_corp_${HEX}`],
  [DEFAULT_PATTERN, "tenant_01234567-89ab_cdef_0123_456789abcdef_faq"],
  ["{collection}_{tenant}", "faq_v2_acme"],
  ["{tenant}.{collection}", "a.b.c"],
  ["{tenant}--{collection}", "a---b"],
  ["*{tenant}_{collection}", "acme_faq"],
  ["kb.{tenant}.*", "kb.acme.2024.old"],
  ["*-{tenant}-{collection}", `a-${UUID}-b-${UUID}-c`],
])("a name that %s can split in two ways is unmapped: %s", (pattern, name) => {
  expect(compilePattern(pattern)(at(name))).toEqual({
    unmapped: expect.stringContaining("more than one way"),
  });
});

test("Chroma's default tenant and database never become a tenant, and neither do parts of their names", () => {
  for (const [pattern, source] of [
    ["{tenant}/*/{collection}", at("faq", "main")],
    ["*/{tenant}/{collection}", at("faq", undefined, "acme")],
    ["{tenant}_tenant/main/{collection}", at("faq", "main")],
    ["kb-{tenant}", at("kb-default_tenant")],
    ["kb-{tenant}", at("kb-Default_Database")],
  ] as const)
    expect(compilePattern(pattern)(source)).toEqual({
      unmapped: expect.stringMatching(/Chroma's own default_/),
    });
  expect(compilePattern("*/main/{tenant}-{collection}")(at("acme-faq", "main"))).toMatchObject({
    tenant: "acme",
  });
});

test("a name of 512 characters that matches in many ways is decided quickly", () => {
  const started = performance.now();
  const match = compilePattern("*a*a*{tenant}*a*a_*{collection}*a*a*");
  expect(match(at("a".repeat(512)))).toBeUndefined();
  expect(match(at(`${"a".repeat(255)}_${"a".repeat(256)}`))).toHaveProperty("unmapped");
  expect(performance.now() - started).toBeLessThan(20_000);
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

test("a pattern with slashes is matched against Chroma's tenant, database and name, another pattern against the name", () => {
  const match = compilePattern("*/{tenant}/{collection}");
  expect(match(at("faq", "acme"))).toEqual({ tenant: "acme", collection: "faq" });
  expect(compilePattern("{tenant}/default_database/{collection}")(at("faq", "default_database", HEX))).toEqual({
    tenant: UUID,
    collection: "faq",
  });
  expect(compilePattern("{tenant}/other/*")(at("faq"))).toBeUndefined();
});

test("without {tenant} the named tenant is used, without {collection} the collection is knowledge", () => {
  expect(compilePattern("{collection}", "acme")(at("faq"))).toEqual({ tenant: "acme", collection: "faq" });
  expect(compilePattern("*", HEX)(at("whatever"))).toEqual({ tenant: UUID, collection: "knowledge" });
});

test.each([
  ["{tenant}_{tenant}", undefined],
  ["{name}_{tenant}", undefined],
  ["{}_{tenant}", undefined],
  ["{collection}", undefined],
  ["{tenant}{collection}", undefined],
  ["kb_{collection}*{tenant}", undefined],
  ["{tenant}/{collection}", undefined],
  ["a/b/{tenant}/{collection}", undefined],
])("the pattern %s is refused, and the error names the flag", (pattern, fallback) => {
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
