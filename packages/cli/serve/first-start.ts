import type { Services } from "@cairn/core/services.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { createTenant, listTenants } from "@cairn/core/tenant/tenant.ts";

/** Creates a tenant with a key in a new embedded database and returns the key. Returns undefined in any other database. */
export async function createDevelopmentKey({ database }: Services): Promise<string | undefined> {
  if (database.kind !== "pglite" || (await listTenants(database)).length > 0) return undefined;
  const tenant = await createTenant(database, { name: "development" });
  const { secret } = await createApiKey(database, tenant.id, {
    name: "first start",
    scopes: ["read", "write", "admin"],
  });
  return secret;
}

/** Returns three example requests that work without changes. */
export function examples(url: string, secret: string, chat: boolean): string {
  const head = `curl -s ${url}/v1`;
  const auth = `-H 'Authorization: Bearer ${secret}' -H 'Content-Type: application/json'`;
  return `Created tenant "development" and an API key. The key is shown only once:

  ${secret}

Open ${url}/console in a browser and sign in with the key, or try it here:

${head}/documents ${auth} -d '{"documents": [{"id": "returns", "content": "You may return a kettle within 30 days."}]}'

${head}/query ${auth} -d '{"query": "How long may I return a kettle?", "top_k": 3}'

${head}/chat ${auth} -d '{"messages": [{"role": "user", "content": "How long may I return a kettle?"}]}'

Applications that use Chroma change host, port and key (docs/chroma-api.md):

  # Python
  client = chromadb.HttpClient(host="${new URL(url).hostname}", port=${new URL(url).port}, headers={"x-chroma-token": "${secret}"})
  // JavaScript
  const client = new ChromaClient({ host: "${new URL(url).hostname}", port: ${new URL(url).port}, headers: { "x-chroma-token": "${secret}" } });
${chat ? "" : "\nChat responds with 503 until a model is configured. Set CAIRN_CHAT_MODEL, and OPENAI_API_KEY or CAIRN_CHAT_BASE_URL.\n"}`;
}
