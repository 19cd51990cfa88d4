import { expect, test } from "vitest";
import { OPEN_RULES } from "./open.ts";
import { compileRules } from "./rules.ts";
import { createSettings, parseSettings, type SettingsInput } from "./settings.ts";

const HEX = "0123456789abcdef0123456789abcdef";
const UUID = "01234567-89ab-cdef-0123-456789abcdef";
const rulesOf = (input: SettingsInput = {}) => compileRules(createSettings(input));
const at = (name: string, database = "default_database", tenant = "default_tenant") => ({ tenant, database, name });

test("without settings a namespace has the default pattern of a migration", () => {
  expect(rulesOf().resolve(at(`tenant_${HEX}_faq`))).toEqual({ tenant: UUID, collection: "faq" });
  expect(createSettings({})).toEqual({ patterns: ["tenant_{tenant}_{collection}"] });
});

test("the mapping comes first, then the patterns in order, then the fallback", () => {
  const rules = rulesOf({
    patterns: ["kb-{tenant}", "{tenant}/*/{collection}"],
    mapping: { shared: { tenant: "acme", collection: "faq" }, "default_tenant/other/shared": { tenant: HEX } },
    fallback: "misc",
  });
  expect(rules.resolve(at("shared"))).toEqual({ tenant: "acme", collection: "faq" });
  expect(rules.resolve(at("shared", "other"))).toEqual({ tenant: UUID, collection: "knowledge" });
  expect(rules.resolve(at("kb-globex"))).toEqual({ tenant: "globex", collection: "knowledge" });
  expect(rules.resolve(at("notes", "main", "initech"))).toEqual({ tenant: "initech", collection: "notes" });
  expect(rulesOf({ fallback: "misc" }).resolve(at("notes"))).toEqual({ tenant: "misc", collection: "notes" });
});

test.each([
  [{}, "notes", /The name "notes" does not match tenant_\{tenant\}_\{collection\}.*Use a name that matches/],
  [{ patterns: ["a-{tenant}", "b-{tenant}"] }, "notes", /Use a name that matches a-\{tenant\} or b-\{tenant\}\.$/],
  [{ fallback: "misc" }, "tenant_acme_corp_docs", /more than one way.*in one way only/],
  [{ fallback: "misc", mapping: { notes: null } }, "notes", /its mapping leaves the name out/],
  [{ patterns: ["{tenant}/*/{collection}"], fallback: "misc" }, "notes", /Chroma's own default_tenant/],
])("with %j the name %s is refused", (settings, name, message) => {
  const rules = rulesOf(settings);
  expect(rules.find(at(name))).toBeUndefined();
  expect(() => rules.resolve(at(name))).toThrow(
    expect.objectContaining({ code: "invalid_input", path: "name", message: expect.stringMatching(message) }),
  );
});

test.each([
  [{ patterns: ["{collection}"] }, "--pattern", /--tenant must name the tenant/],
  [{ patterns: ["{tenant}{collection}"] }, "--pattern", /no separator/],
  [{ mapping: { faq: { tenat: "x" } } }, "--map: faq.tenant", /invalid at "faq.tenant"/],
  [{ fallback: " x" }, "fallback", /begin or end with a space/],
  [{ tenant: "" }, "tenant", /512 characters/],
  [{ patterns: [] }, "patterns", /./],
])("settings %j are refused with the path %s", (settings, path, message) => {
  expect(() => createSettings(settings)).toThrow(
    expect.objectContaining({ code: "invalid_input", path, message: expect.stringMatching(message) }),
  );
});

test("settings are stored as they are parsed", () => {
  const settings = createSettings({
    patterns: ["{collection}"],
    tenant: HEX,
    mapping: { a: null, b: { tenant: "x" } },
  });
  expect(settings).toEqual({
    patterns: ["{collection}"],
    tenant: UUID,
    mapping: { a: null, b: { tenant: "x", collection: "knowledge" } },
  });
  expect(parseSettings(JSON.parse(JSON.stringify(settings)))).toEqual(settings);
});

const tenant = (name: string) => ({ id: crypto.randomUUID(), name });

test("a pattern with {tenant} can name every tenant by its id, one without only the named tenant", () => {
  expect(rulesOf().canName(tenant("acme corp"))).toBe(true);
  expect(rulesOf({ patterns: ["*/{tenant}/{collection}"] }).canName(tenant("acme"))).toBe(true);
  const single = rulesOf({ patterns: ["{collection}"], tenant: "acme" });
  expect(single.canName(tenant("acme"))).toBe(true);
  expect(single.canName(tenant("globex"))).toBe(false);
});

test("the mapping and the fallback can name their tenants, and a pattern that is never reached none", () => {
  const rules = rulesOf({
    patterns: ["*", "{tenant}_{collection}"],
    tenant: "acme",
    mapping: { faq: { tenant: UUID }, scratch: null },
    fallback: "misc",
  });
  for (const named of [tenant("acme"), tenant("misc"), { id: UUID, name: "initech" }])
    expect(rules.canName(named), named.name).toBe(true);
  expect(rules.canName(tenant("globex"))).toBe(false);
  expect(rules.canName(tenant("{collection}"))).toBe(false);
});

test("without a credential each database is a tenant, and the default database is the tenant development", () => {
  expect(OPEN_RULES.resolve(at("faq"))).toEqual({ tenant: "development", collection: "faq" });
  expect(OPEN_RULES.resolve(at("faq", "main"))).toEqual({ tenant: "default_tenant/main", collection: "faq" });
  expect(OPEN_RULES.resolve(at("faq", "main", "acme"))).toEqual({ tenant: "acme/main", collection: "faq" });
  expect(() => OPEN_RULES.resolve(at("faq", "x".repeat(600)))).toThrow(
    expect.objectContaining({ code: "invalid_input" }),
  );
});
