import { createHash } from "node:crypto";
import type { Database } from "@cairn/core/database/database.ts";
import { withTimeLimit } from "@cairn/core/database/time-limit.ts";
import { authenticateKey, touchApiKey } from "@cairn/core/tenant/authenticate-key.ts";
import { keyKind } from "@cairn/core/tenant/secret.ts";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { LRUCache } from "lru-cache";
import type { Env, Principal } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";
import type { VerifiedCredential } from "./credential.ts";
import { createTokenVerifier, type JwtOptions } from "./jwt.ts";
import { createThrottle } from "./throttle.ts";

/** Milliseconds for which a valid credential is cached. A revoked one can be used at most this long. */
const MAX_CACHE_MS = 60_000;

/** Milliseconds for which a refused credential is cached. Short, because the key may have just been created. */
const REFUSED_CACHE_MS = 2_000;

/** Milliseconds for one lookup in the database. */
const LOOKUP_TIMEOUT_MS = 10_000;

export interface AuthenticatorOptions {
  /** Accepts tokens of this issuer in addition to the service's own keys. */
  readonly jwt?: JwtOptions;
  /** Milliseconds for which a credential is cached, at most 60,000. */
  readonly cacheMs?: number;
  /** Invalid credentials that one address may try per minute. Default 60. */
  readonly unknownKeysPerMinute?: number;
  /** Accepts keys of namespaces. Default false. */
  readonly acceptNamespaces?: boolean;
}

export interface CredentialOptions {
  /** The key or token of a request; undefined: it has none. */
  readonly credential: (headers: Pick<Headers, "get">) => string | undefined;
  /** Who makes a request without a credential. Default: such a request is refused. */
  readonly anonymous?: () => Promise<Principal>;
}

/** The token of the header `Authorization: Bearer`. */
export function bearerToken(headers: Pick<Headers, "get">): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.get("Authorization") ?? "")?.[1];
}

/** Sets the principal of each request, within the request's time limit. Throws `unauthorized`. */
export function authenticate(identify: Authenticator, { credential, anonymous }: CredentialOptions) {
  return createMiddleware<Env>(async (c, next) => {
    const timer = c.get("timer");
    const token = credential({ get: (name) => c.req.header(name) ?? null });
    const principal =
      token === undefined && anonymous
        ? await anonymous()
        : await identify(token, {
            remainingMs: timer.remainingMs(),
            address: c.env?.address, // without a runtime there are no bindings
            runInBackground: (work) => runInBackground(c, work),
          });
    timer.throwIfExpired(); // the request was answered already, so nothing more is done for it
    c.set("principal", principal);
    await next();
  });
}

/** Keeps a runtime alive for work that the response does not wait for. */
function runInBackground(c: Context, work: Promise<unknown>): void {
  try {
    c.executionCtx.waitUntil(work);
  } catch {} // other runtimes have no such context, and need none
}

/** Entries of each cache: valid, previously valid and refused credentials. */
const MAX_CACHED = 10_000;

/** Identifies the principal of a token. Throws `unauthorized` and `rate_limited`. */
export type Authenticator = (token: string | undefined, lookup: LookupOptions) => Promise<Principal>;

interface LookupOptions {
  /** Milliseconds that the request has left. */
  readonly remainingMs: number;
  /** The address of the caller. */
  readonly address: string | undefined;
  readonly runInBackground: (work: Promise<unknown>) => void;
}

/**
 * Returns a function that identifies the principal of a bearer token. Each valid token is looked up in the database once
 * a minute. A token that does not look like a key, or was refused a moment ago, is refused without a lookup. An address
 * that tries many invalid tokens is throttled; a key that was valid before is still looked up from that address.
 * The function throws `unauthorized` and `rate_limited`.
 */
export function createAuthenticator(database: Database, options: AuthenticatorOptions): Authenticator {
  const cacheMs = Math.min(MAX_CACHE_MS, options.cacheMs ?? MAX_CACHE_MS);
  // Keyed by hash: a memory dump of this process shows no secret. Refused credentials have a cache of their own, so that
  // many of them do not evict valid ones.
  const valid = new LRUCache<string, VerifiedCredential>({ max: MAX_CACHED, ttl: cacheMs });
  const previouslyValid = new LRUCache<string, true>({ max: MAX_CACHED });
  const refused = new LRUCache<string, true>({ max: MAX_CACHED, ttl: REFUSED_CACHE_MS });
  const pending = new Map<string, Promise<VerifiedCredential>>(); // concurrent requests share one lookup
  const throttle = createThrottle(options.unknownKeysPerMinute ?? 60);
  const verifyToken = options.jwt && createTokenVerifier(options.jwt);

  async function lookUp(token: string, lookup: LookupOptions): Promise<VerifiedCredential> {
    const limited = withTimeLimit(database, Math.min(LOOKUP_TIMEOUT_MS, lookup.remainingMs));
    if (!token.startsWith("cairn_")) return (await verifyToken?.(limited, token)) ?? INVALID;
    const kind = keyKind(token);
    if (!kind || (kind === "namespace" && !options.acceptNamespaces)) return INVALID;
    const apiKey = await authenticateKey(limited, token);
    if (!apiKey) return INVALID;
    // The date of last use is informative only; the request does not wait for it.
    const touched = touchApiKey(withTimeLimit(database, LOOKUP_TIMEOUT_MS), apiKey.keyId).catch(() => {});
    lookup.runInBackground(touched);
    const { tenantId, namespace, keyId, scopes, limits, expiresAt } = apiKey;
    return {
      principal: { tenantId, ...(namespace && { namespace }), name: keyId, scopes, limits },
      expiresAt: expiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
    };
  }

  /** Looks a credential up, once for all concurrent requests. */
  function lookUpOnce(hash: string, token: string, lookup: LookupOptions): Promise<VerifiedCredential> {
    const existing = pending.get(hash);
    if (existing) return existing;
    const found = lookUp(token, lookup)
      .then((credential) => {
        if (isValid(credential)) {
          valid.set(hash, credential);
          previouslyValid.set(hash, true);
        } else refused.set(hash, true);
        return credential;
      })
      .finally(() => pending.delete(hash));
    pending.set(hash, found);
    return found;
  }

  return async function identify(token, lookup) {
    if (!token)
      throw new HttpError(
        "unauthorized",
        "The request has no bearer token. Send the key as a header: Authorization: Bearer cairn_…",
        { path: "Authorization" },
      );
    const hash = createHash("sha256").update(token).digest("base64");
    const cached = valid.get(hash);
    if (isValid(cached)) return cached.principal;
    const isCounted = !previouslyValid.has(hash);
    if (isCounted) throttle.take(lookup.address);
    const found = refused.has(hash) ? INVALID : await lookUpOnce(hash, token, lookup);
    if (!isValid(found)) throw invalidCredential();
    if (isCounted) throttle.giveBack(lookup.address);
    return found.principal;
  };
}

const INVALID: VerifiedCredential = { principal: undefined, expiresAt: 0 };

function isValid(
  credential: VerifiedCredential | undefined,
): credential is VerifiedCredential & { readonly principal: Principal } {
  return credential?.principal !== undefined && credential.expiresAt > Date.now();
}

function invalidCredential(): HttpError {
  const detail = "The key is unknown, revoked or expired, or its tenant is disabled.";
  return new HttpError("unauthorized", detail, { path: "Authorization" });
}
