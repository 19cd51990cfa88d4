import { createHash } from "node:crypto";
import { nextTurn } from "@cairn/core/turn.ts";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { LRUCache } from "lru-cache";
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

/** Serves the description of every route at /openapi.json. It is written when it is first requested. */
export function describeApi(app: OpenAPIHono<Env>): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description: "A key of the service (cairn_…), or a token of the configured issuer.",
  });
  let template: string | undefined;
  const written = new LRUCache<string, Written>({ max: MAX_ORIGINS });
  app.get("/openapi.json", async (c) => {
    await nextTurn(); // whoever asks for it again and again does not come before a search
    const { origin } = new URL(c.req.url);
    template ??= writeDescription(app);
    const { bytes, etag } = written.get(origin) ?? writeFor(template, origin);
    written.set(origin, { bytes, etag });
    const headers = { "Cache-Control": "public, max-age=300", ETag: etag, Vary: "Host" };
    if (c.req.header("If-None-Match")?.split(/, */).includes(etag)) return c.body(null, 304, headers);
    return c.body(bytes, 200, { ...headers, "Content-Type": "application/json" });
  });
}

/** Addresses under which the service is asked, whose description is kept as it is sent. */
const MAX_ORIGINS = 16;

interface Written {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

function writeFor(template: string, origin: string): Written {
  const bytes = new TextEncoder().encode(template.replace(ORIGIN, () => origin));
  return { bytes, etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 27)}"` };
}

/** Stands in the description for the address that it is asked under. */
const ORIGIN = "https://origin.invalid";

const LICENSE = { name: "MIT", identifier: "MIT" };

/** Takes some 20 ms, and so is done once. */
function writeDescription(app: OpenAPIHono<Env>): string {
  return JSON.stringify(
    app.getOpenAPI31Document({
      openapi: "3.1.0",
      info: {
        title: "Cairn",
        version: "1",
        description: DESCRIPTION,
        license: LICENSE,
      },
      servers: [{ url: ORIGIN }],
      tags: TAGS.map(([name, description]) => ({ name, description })),
    }),
  );
}
