import type { Services } from "@cairn/core/services.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { createTenant, listTenants } from "@cairn/core/tenant/tenant.ts";

/** A tenant and a key to try the service with, where the embedded database is new; undefined where it is not. */
export async function makeDevelopmentKey({ database }: Services): Promise<string | undefined> {
  if (database.kind !== "pglite" || (await listTenants(database)).length > 0) return undefined;
  const tenant = await createTenant(database, { name: "development" });
  const { secret } = await createApiKey(database, tenant.id, {
    name: "first start",
    scopes: ["read", "write", "admin"],
  });
  return secret;
}

/** Three requests that work as they stand here. */
export function examples(url: string, secret: string, chat: boolean): string {
  const head = `curl -s ${url}/v1`;
  const auth = `-H 'Authorization: Bearer ${secret}' -H 'Content-Type: application/json'`;
  return `A tenant "development" was made, and a key for it, which is shown this once:

  ${secret}

Try it:

${head}/documents ${auth} -d '{"documents": [{"id": "returns", "content": "You may return a kettle within 30 days."}]}'

${head}/query ${auth} -d '{"query": "How long may I return a kettle?", "top_k": 3}'

${head}/chat ${auth} -d '{"messages": [{"role": "user", "content": "How long may I return a kettle?"}]}'
${chat ? "" : "\nChat answers 503 until a model is configured: set CAIRN_CHAT_MODEL, and OPENAI_API_KEY or CAIRN_CHAT_BASE_URL.\n"}`;
}
