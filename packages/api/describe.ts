import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Env } from "./context.ts";

const DESCRIPTION = `A multi-tenant knowledge base on Postgres.

The tenant comes from the key, never from the request. Errors are \`application/problem+json\` with a stable \`code\`, the path to the fault and
the way out. A field or a parameter that is not described here is one. A tenant's writes take an \`Idempotency-Key\`; where
an answer is not kept, which is what the operator asks for and what holds a secret, one is refused. Every answer says what is left of the tenant's requests of the minute in \`RateLimit-Remaining\`.`;

const TAGS = [
  ["Documents", "Texts that are known, by the caller's own ids."],
  ["Search", "By meaning, by words, or both."],
  ["Chat", "Answers with citations."],
  ["Tool", "The same search for a model to call."],
  [
    "Collections",
    "Sets of documents in one embedding space. A tenant that needs one never meets the word: it is `knowledge`.",
  ],
  ["Jobs", "Work that goes on when its request is answered."],
  ["Keys", "Credentials, for admin keys."],
  ["Tenants", "For the operator."],
  ["Migrations", "From Chroma, for the operator."],
  ["Health", "For load balancers."],
] as const;

/** Serves the description of every route at /openapi.json. */
export function describeApi(app: OpenAPIHono<Env>): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description: "A key of the service (cairn_…), or a token of the configured issuer.",
  });
  app.doc31("/openapi.json", (c) => ({
    openapi: "3.1.0",
    info: {
      title: "Cairn",
      version: "1",
      description: DESCRIPTION,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: new URL(c.req.url).origin }],
    tags: TAGS.map(([name, description]) => ({ name, description })),
  }));
}
