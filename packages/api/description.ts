/** What the whole API has in common, as Markdown. */
export const DESCRIPTION = `A multi-tenant knowledge base on Postgres.

The tenant comes from the key, never from the request; a namespace's key names one of its tenants in the header Cairn-Tenant. Errors are \`application/problem+json\` with a stable \`code\`, the path to the invalid field and
what to do. Unknown fields and parameters are errors. A tenant's writes accept an \`Idempotency-Key\`. Responses
to the operator and responses that hold a secret are not stored, so their requests must not have the header. The header \`RateLimit-Remaining\` says how many requests the tenant has left in this minute.`;

/** The groups of routes, in their order, with what they are for. */
export const TAGS = [
  ["Documents", "Add, list and delete texts by your own ids."],
  ["Search", "Search by vector, by keyword, or both."],
  ["Chat", "Answer questions with citations."],
  ["Tool", "The search as a function that a language model can call."],
  [
    "Collections",
    "Sets of documents in one embedding space. If a request names none, it uses the collection `knowledge`.",
  ],
  ["Jobs", "Work that continues after its request was answered."],
  ["Evaluations", "Questions with judged documents, and how well searches answer them."],
  ["Keys", "API keys. Requires the scope `admin`."],
  ["Tenants", "Customers of the service. For the operator."],
  ["Service", "The configuration in force. For the operator."],
  ["Migrations", "Migrations from Chroma. For the operator."],
  [
    "Namespaces",
    "Names of a Chroma server that stand for tenants, and keys that act for all of them. For the operator.",
  ],
  ["Chroma", "Chroma's API, for applications that use a client of Chroma. Its errors are those of a Chroma server."],
  ["Health", "Health checks for load balancers."],
] as const;

export const LICENSE = { name: "MIT", identifier: "MIT" } as const;
