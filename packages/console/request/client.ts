import { type Client, createClient } from "@cairn/client/client.ts";
import { acting, type Credential, signedIn, signOut, stopActing, tenantCredential } from "./session.ts";

/** The typed client with the key that the user signed in with. */
export function ownClient(): Client {
  return clientOf(signedIn.value);
}

/** The typed client for requests about one tenant. Call it in views that need a tenant. */
export function tenantClient(): Client {
  return clientOf(tenantCredential());
}

/** `own`: the key of the sign-in. `tenant`: the key for requests about one tenant, which may be another one of an operator. */
export type SendAs = "own" | "tenant";

export function tenantOrOwnClient(as: SendAs): Client {
  return as === "own" ? ownClient() : tenantClient();
}

/**
 * Sends a request that the typed client does not know, such as one of a package that the API does not depend on. `as` chooses
 * the credential. Rejects only if there is no response.
 */
export function send(path: string, init: RequestInit & { readonly as?: SendAs } = {}): Promise<Response> {
  const { as = "own", ...rest } = init;
  const credential = as === "own" ? signedIn.value : tenantCredential();
  const headers = new Headers(rest.headers);
  headers.set("Authorization", `Bearer ${credential?.key}`);
  return fetchAs(credential)(path, { ...rest, headers });
}

function clientOf(credential: Credential | undefined): Client {
  return createClient({ url: location.origin, key: credential?.key ?? "", fetch: fetchAs(credential) });
}

/** Adds the header of a namespace's key, and ends the session when the key is refused. */
function fetchAs(credential: Credential | undefined): typeof fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    if (credential?.tenant !== undefined) headers.set("Cairn-Tenant", credential.tenant);
    const response = await fetch(input, { ...init, headers });
    if (response.status === 401) endSession(credential);
    return response;
  };
}

/** A key of a tenant that expired leaves the operator signed in. */
function endSession(credential: Credential | undefined): void {
  if (credential !== undefined && credential === acting.value) stopActing();
  else if (credential === signedIn.value) signOut("The key is no longer valid. Sign in with another one.");
}
