import fc from "fast-check";
import { expect, test } from "vitest";
import { parseMapping } from "../protocol/mapping.ts";
import { CHROMA_DEFAULTS, type ChromaPath } from "../protocol/path.ts";
import { createTargetFinder } from "../protocol/target-path.ts";
import { type ProposalOptions, proposeMapping } from "./propose.ts";

const UUID = "6f1d2a84-c0b9-4e5f-a7d3-318e5b2c9a10";

/** Collections from `name`, `database/name` or `tenant/database/name`. */
function collections(...paths: readonly string[]): readonly ChromaPath[] {
  return paths.map((path) => {
    const parts = path.split("/");
    const [name = "", database = CHROMA_DEFAULTS.database, tenant = CHROMA_DEFAULTS.tenant] = parts.toReversed();
    return { tenant, database, name };
  });
}

/** The proposed mapping, as `tenant: collection` by key. */
function propose(paths: readonly string[], options: Partial<ProposalOptions> = {}) {
  const found = collections(...paths);
  const proposal = proposeMapping(found, { listed: found, ...options });
  return (
    proposal &&
    Object.fromEntries(Object.entries(proposal.mapping).map(([key, to]) => [key, `${to?.tenant}: ${to?.collection}`]))
  );
}

test.each<readonly [Readonly<Record<string, string>>]>([
  // separators and orders
  [{ "acme-docs": "acme: docs", "acme-faq": "acme: faq", "globex-docs": "globex: docs" }],
  [{ acme_docs: "acme: docs", globex_docs: "globex: docs" }],
  [{ docs__acme: "acme: docs", docs__globex: "globex: docs", faq__acme: "acme: faq" }],
  [{ "kb.acme": "acme: kb", "kb.globex": "globex: kb" }],
  [{ "acme--docs": "acme: docs", "big-co--docs": "big-co: docs" }],
  [{ "acme.support_docs": "acme: support_docs", "globex.support_docs": "globex: support_docs" }],
  [{ "acme_corp-docs": "acme_corp: docs", "globex-docs": "globex: docs" }],
  // more words than two
  [
    {
      "acme-faq": "acme: faq",
      "acme-product-docs": "acme: product-docs",
      "globex-product-docs": "globex: product-docs",
    },
  ],
  [{ "acme-corp-docs": "acme-corp: docs", "big-co-docs": "big-co: docs" }],
  [{ tenant_acme_corp_docs: "acme_corp: docs", tenant_big_co_docs: "big_co: docs" }],
  // prefixes
  [{ "prod-acme-docs": "acme: docs", "prod-globex-docs": "globex: docs" }],
  [{ "kb-acme-docs": "acme: docs", "kb-globex-docs": "globex: docs" }],
  [{ org_42_docs: "42: docs", org_43_docs: "43: docs" }],
  [{ customer_acme: "acme: knowledge", customer_globex: "globex: knowledge" }],
  [{ user_123: "123: knowledge" }],
  // UUIDs, in several notations
  [{ [`docs-${UUID}`]: `${UUID}: docs` }],
  [{ [`docs_${UUID.replaceAll("-", "_")}`]: `${UUID}: docs` }],
  [{ [UUID]: `${UUID}: knowledge` }],
  [{ [`${UUID.replaceAll("-", "").toUpperCase()}.faq`]: `${UUID}: faq` }],
  // one customer
  [{ docs: "default: docs" }],
  [{ langchain: "default: langchain" }],
  [{ my_collection: "default: my_collection" }],
  [{ "langchain-docs": "default: langchain-docs" }],
  [{ support_tickets: "default: support_tickets" }],
  [{ docs_v2: "default: docs_v2" }],
  [{ "a.b-c_d": "default: a.b-c_d", xyz: "default: xyz" }],
  // one name
  [{ acme_docs: "acme: docs" }],
  [{ acme_docs_v2: "acme: docs_v2" }],
  // databases and Chroma tenants
  [{ "acme/docs": "acme: docs", "globex/docs": "globex: docs" }],
  [{ "acme/production/docs": "acme: docs", "globex/production/docs": "globex: docs" }],
  [{ "acme/eu/docs": "acme/eu: docs", "acme/us/docs": "acme/us: docs", "globex/eu/docs": "globex: docs" }],
  [{ "acme/default_database/docs": "acme: docs", "default_database/docs": "default: docs" }],
])("%j", (expected) => {
  const mapping = propose(Object.keys(expected)) ?? {};
  const byPath = Object.entries(mapping).map(([key, target]) => [key.replace(/^default_tenant\//, ""), target]);
  expect(Object.fromEntries(byPath)).toEqual(expected);
});

test("names that agree across databases are read by their words, not by their database", () => {
  expect(propose(["eu/acme-docs", "eu/globex-docs", "us/initech-docs"])).toEqual({
    "acme-docs": "acme: docs",
    "globex-docs": "globex: docs",
    "initech-docs": "initech: docs",
  });
});

test("a tenant never gets collections of two databases, which may be those of two customers", () => {
  expect(propose(["acme/hr_docs", "acme/legal_docs", "globex/hr_faq", "globex/legal_faq"])).toEqual({
    hr_docs: "acme: hr_docs",
    hr_faq: "globex: hr_faq",
    legal_docs: "acme: legal_docs",
    legal_faq: "globex: legal_faq",
  });
  expect(propose(["acme/user-1-chat", "globex/user-1-notes"])).toEqual({
    "user-1-chat": "acme: user-1-chat",
    "user-1-notes": "globex: user-1-notes",
  });
  expect(propose(["acme/docs", "acme-faq", "globex-faq"])).toBeUndefined();
  expect(propose(["default_tenant/acme/a", "acme/default_database/b"])).toBeUndefined();
});

test("the default database is read by its names, next to databases that are tenants", () => {
  expect(propose(["acme-docs", "globex-docs", "scratch/notes"])).toEqual({
    "acme-docs": "acme: docs",
    "globex-docs": "globex: docs",
    notes: "scratch: notes",
  });
});

test("the tenants of the other collections are recognized, and their targets are not given away", () => {
  const taken = [
    { tenant: "acme", collection: "docs" },
    { tenant: "big_co", collection: "docs" },
  ];
  expect(propose(["tenant_acme_launch_2"], { taken })).toEqual({ tenant_acme_launch_2: "acme: launch_2" });
  expect(propose(["tenant_big_co_launch"], { taken })).toEqual({ tenant_big_co_launch: "big_co: launch" });
  expect(propose(["acme-docs"], { taken })).toEqual({ "acme-docs": "default: acme-docs" });
});

test("a tenant that the user names gets everything", () => {
  expect(propose(["acme-docs", "faq"], { tenant: "acme" })).toEqual({
    "acme-docs": "acme: acme-docs",
    faq: "acme: faq",
  });
  expect(propose(["acme/docs", "globex/docs"], { tenant: "acme" })).toBeUndefined();
});

test("Chroma's default names never become tenants, and no two names one target", () => {
  expect(propose(["default_tenant.docs", "acme.docs"])).toEqual({
    "acme.docs": "default: acme.docs",
    "default_tenant.docs": "default: default_tenant.docs",
  });
  expect(propose(["docs", "default/docs"])).toBeUndefined(); // both would be collection docs of tenant default
  const notations = [`${UUID}_docs`, `${UUID.toUpperCase()}_docs`];
  const tenants = Object.values(propose(notations) ?? {});
  expect(new Set(tenants).size).toBe(2);
});

test("no collections give no proposal", () => {
  expect(propose([])).toBeUndefined();
});

test("a thousand names of a hundred tenants are read alike", () => {
  const names = Array.from(
    { length: 1_000 },
    (_, index) => `customer-${index % 100}-${KINDS[Math.floor(index / 100)]}`,
  );
  const mapping = propose(names) ?? {};
  expect(Object.keys(mapping)).toHaveLength(1_000);
  expect(mapping["customer-7-support-faq"]).toBe("7: support-faq");
  expect(new Set(Object.values(mapping)).size).toBe(1_000);
});

const KINDS = ["docs", "faq", "support-faq", "tickets", "notes", "manuals", "wiki", "policies", "chats", "products"];

test("whatever the names are, every collection gets a valid target of its own, in a file that can be read", () => {
  const word = fc.constantFrom(
    "acme",
    "docs",
    "faq",
    "my",
    "tenant",
    "42",
    "v2",
    "default",
    "default_tenant",
    UUID,
    "x",
  );
  const name = fc
    .tuple(fc.array(word, { minLength: 1, maxLength: 4 }), fc.constantFrom("-", "_", "__", ".", "--"))
    .map(([words, separator]) => words.join(separator));
  const path = fc
    .tuple(fc.constantFrom("", "acme/", "default/", "t/acme/", "t/default_database/"), name)
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.uniqueArray(path, { minLength: 1, maxLength: 8 }), (paths) => {
      const found = collections(...paths);
      const proposal = proposeMapping(found, { listed: found });
      if (!proposal) return;
      const mapping = parseMapping(JSON.stringify(proposal.mapping));
      const targets = found.map(createTargetFinder({ mapping }));
      for (const target of targets)
        expect(target).toEqual({ tenant: expect.any(String), collection: expect.any(String) });
      expect(new Set(targets.map((target) => JSON.stringify(target))).size).toBe(found.length);
    }),
    { numRuns: 2_000 },
  );
});
