import { type Client, createClient, read } from "@cairn/client/client.ts";
import { signal } from "@preact/signals";
import type { InferResponseType } from "hono/client";

/** Whose key it is and what it may do, as `GET /v1/identity` returns it. */
export type Identity = Extract<InferResponseType<Client["v1"]["identity"]["$get"]>, { readonly kind: string }>;

/** A key with the header that a namespace's key needs, and what the service says about it. */
export interface Credential {
  readonly key: string;
  /** Name or id of the tenant that the key of a namespace acts for. */
  readonly tenant?: string;
  readonly identity: Identity;
}

/** The credential that the user signed in with. Undefined: nobody is signed in. */
export const signedIn = signal<Credential | undefined>(undefined);

/** The key by which an operator acts for a tenant, until it is closed. Undefined: for none. */
export const acting = signal<Credential | undefined>(undefined);

/** Why the user has to sign in again. */
export const signInNotice = signal<string | undefined>(undefined);

/** In sessionStorage: it belongs to this tab, and the browser deletes it with the tab. */
const STORAGE_KEY = "cairn.session";

interface StoredSession {
  readonly signedIn: Credential;
  readonly acting?: Credential;
}

/** Signs in with a key. Throws `CairnError` if the service refuses it. */
export async function signIn(key: string, tenant?: string): Promise<void> {
  signedIn.value = { key, tenant, identity: await identify(key, tenant) };
  signInNotice.value = undefined;
  store();
}

/** Forgets the keys. `notice` says why, if the user did not ask for it. */
export function signOut(notice?: string): void {
  sessionStorage.removeItem(STORAGE_KEY);
  acting.value = undefined;
  signedIn.value = undefined;
  signInNotice.value = notice;
}

/** Lets an operator act for a tenant with one of the tenant's keys. Throws `CairnError` if the service refuses it. */
export async function actFor(key: string): Promise<void> {
  acting.value = { key, identity: await identify(key, undefined) };
  store();
}

export function stopActing(): void {
  acting.value = undefined;
  store();
}

/** Continues the session of this tab, if there is one. Its requests show whether the key is still valid. */
export function restoreSession(): void {
  const stored = sessionStorage.getItem(STORAGE_KEY);
  if (!stored) return;
  const session = JSON.parse(stored) as StoredSession;
  acting.value = session.acting;
  signedIn.value = session.signedIn;
}

/** The credential for requests about one tenant. Undefined: an operator has not chosen a tenant. */
export function tenantCredential(): Credential | undefined {
  if (acting.value) return acting.value;
  return signedIn.value?.identity.tenant ? signedIn.value : undefined;
}

function identify(key: string, tenant: string | undefined): Promise<Identity> {
  const headers: Record<string, string> = tenant === undefined ? {} : { "Cairn-Tenant": tenant };
  const client = createClient({ url: location.origin, key });
  return read(client.v1.identity.$get({}, { headers }));
}

function store(): void {
  if (!signedIn.value) return;
  const session: StoredSession = { signedIn: signedIn.value, acting: acting.value };
  sessionStorage.setItem(STORAGE_KEY, JSON.stringify(session));
}
