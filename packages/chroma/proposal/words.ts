import { parseUuid } from "@cairn/core/tenant/uuid.ts";

// What the words of collection names usually mean. They only rank proposals, which a user confirms.

/** Words for the content of a collection. */
const CONTENT = new Set(
  `answers articles base blog books catalog chat chats chunks code content contracts conversations crm data dataset doc docs
  document documents emails embeddings faq faqs files guides handbook help history hr images invoices items kb knowledge
  knowledgebase legal logs manual manuals marketing media meetings memories memory messages news notes orders pages passages
  pdfs policies policy posts product products questions records reports reviews sales support texts tickets training
  transcripts videos web website wiki`.split(/\s+/),
);

/** Words that stand before the name of a tenant: `customer-acme-docs`. */
const BEFORE_TENANT = new Set(
  "account client company customer org organisation organization project site team tenant user workspace".split(" "),
);

/** Words that name neither a tenant nor the content. */
const GENERIC = new Set(
  `all app chroma collection collections common db default demo dev example global index langchain llama llamaindex main my
  new old prod production public rag sample shared staging store temp test tests the tmp vector vectors
  vectorstore`.split(/\s+/),
);

/** A version or a year: `v2`, `2026`. */
const VERSION = /^(v\d+|(19|20)\d\d)$/;

/** What a part of a name probably is. */
export type WordKind = "uuid" | "number" | "content" | "before tenant" | "generic" | "version" | "other";

export function kindOf(word: string): WordKind {
  const lowerCase = word.toLowerCase();
  if (parseUuid(word) !== undefined) return "uuid";
  if (VERSION.test(lowerCase)) return "version";
  if (/^\d+$/.test(word)) return "number";
  if (CONTENT.has(lowerCase)) return "content";
  if (BEFORE_TENANT.has(lowerCase)) return "before tenant";
  return GENERIC.has(lowerCase) ? "generic" : "other";
}

const UUID = /(?<![0-9a-z])[0-9a-f]{8}([-_.]?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}(?![0-9a-z])/gi;

/** Splits a name at a separator, or at every separator by default. A UUID stays one word. */
export function splitWords(name: string, separator: string | RegExp = /[._-]+/): readonly string[] {
  const uuids: string[] = [];
  const masked = name.replace(UUID, (uuid) => `\0${uuids.push(uuid) - 1}\0`);
  return masked.split(separator).map((word) => word.replace(/\0(\d+)\0/g, (_, index) => uuids[Number(index)] ?? ""));
}
