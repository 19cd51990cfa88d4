import { createHash } from "node:crypto";
import type { Database } from "@cairn/core/database/database.ts";
import { withTimeLimit } from "@cairn/core/database/time-limit.ts";
import { findKeyHolder, isKeyShaped, touchApiKey } from "@cairn/core/tenant/api-key.ts";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { LRUCache } from "lru-cache";
import type { Env, Principal } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";
import { createTokenVerifier, type JwtOptions } from "./jwt.ts";
import type { Known } from "./known.ts";
import { createThrottle } from "./throttle.ts";

/** Milliseconds that a credential is remembered for: the longest that a revoked one can still be used. */
const REMEMBERED = 60_000;

/** Milliseconds for which a credential stays refused; short, as it may be one that was just made. */
const REFUSED = 2_000;

/** Milliseconds that a look into the database may take. */
const LOOKUP_TIMEOUT_MS = 10_000;

export interface AuthenticatorOptions {
  /** Tokens of an issuer beside the service's own keys. */
  readonly jwt?: JwtOptions;
  /** Milliseconds that a credential is remembered for, at most 60,000. */
  readonly remember?: number;
  /** Credentials that are not in force which one address may try a minute. Default 60. */
  readonly unknownKeysPerMinute?: number;
}

/** Gives each request its principal, within the request's time. Throws `unauthorized`. */
export function authenticate(database: Database, options: AuthenticatorOptions) {
  const identify = createAuthenticator(database, options);
  return createMiddleware<Env>(async (c, next) => {
    const time = c.get("time");
    const principal = await identify(c.req.header("Authorization"), {
      left: time.left(),
      address: c.env?.address, // without a runtime there are no bindings
      outlive: (work) => outlive(c, work),
    });
    time.throwIfOver(); // it is answered already, and nothing more is done for it
    c.set("principal", principal);
    await next();
  });
}

/** What the answer does not wait for: a runtime that ends a request with its answer is told to wait. */
function outlive(c: Context, work: Promise<unknown>): void {
  try {
    c.executionCtx.waitUntil(work);
  } catch {} // other runtimes have no such context, and need none
}

/** Credentials that are remembered at once: those in force, those that were, and those refused, each. */
const MAX_REMEMBERED = 10_000;

interface Looking {
  /** Milliseconds that the request has left. */
  readonly left: number;
  /** Where the request comes from. */
  readonly address: string | undefined;
  readonly outlive: (work: Promise<unknown>) => void;
}

/**
 * Tells who a bearer token speaks for. Asks the database once a minute for each. What is no key is refused without it, one
 * that was refused just now likewise, and an address that tries many is stopped. A key that was good before is looked
 * up whatever others try from its address. Throws `unauthorized`, `rate_limited`.
 */
function createAuthenticator(database: Database, options: AuthenticatorOptions) {
  const remember = Math.min(REMEMBERED, options.remember ?? REMEMBERED);
  // By hash: a dump of this process's memory shows no secret. Refused ones apart, so that many of them push out none
  // that is good.
  const known = new LRUCache<string, Known>({ max: MAX_REMEMBERED, ttl: remember });
  const wereGood = new LRUCache<string, true>({ max: MAX_REMEMBERED });
  const refused = new LRUCache<string, true>({ max: MAX_REMEMBERED, ttl: REFUSED });
  const looking = new Map<string, Promise<Known>>(); // requests at once ask once
  const throttle = createThrottle(options.unknownKeysPerMinute ?? 60);
  const verifyToken = options.jwt && createTokenVerifier(options.jwt);

  async function look(token: string, { left, outlive }: Looking): Promise<Known> {
    const limited = withTimeLimit(database, Math.min(LOOKUP_TIMEOUT_MS, left));
    if (!token.startsWith("cairn_")) return (await verifyToken?.(limited, token)) ?? NOBODY;
    const holder = isKeyShaped(token) ? await findKeyHolder(limited, token) : undefined;
    if (!holder) return NOBODY;
    // A date for people; the request does not wait for it.
    outlive(touchApiKey(withTimeLimit(database, LOOKUP_TIMEOUT_MS), holder.keyId).catch(() => {}));
    const { tenantId, keyId, scopes, limits, expiresAt } = holder;
    return {
      principal: { tenantId, name: keyId, scopes, limits },
      until: expiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
    };
  }

  /** Looks a credential up, once for all who ask at the same time. */
  function lookOnce(id: string, token: string, about: Looking): Promise<Known> {
    const begun = looking.get(id);
    if (begun) return begun;
    const found = look(token, about)
      .then((one) => {
        if (isInForce(one)) {
          known.set(id, one);
          wereGood.set(id, true);
        } else refused.set(id, true);
        return one;
      })
      .finally(() => looking.delete(id));
    looking.set(id, found);
    return found;
  }

  return async function identify(authorization: string | undefined, about: Looking): Promise<Principal> {
    const [, token] = /^Bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
    if (!token)
      throw new HttpError("unauthorized", "Send the key as a header: Authorization: Bearer cairn_…", {
        path: "Authorization",
      });
    const id = createHash("sha256").update(token).digest("base64");
    const before = known.get(id);
    if (isInForce(before)) return before.principal;
    const counted = !wereGood.has(id);
    if (counted) throttle.take(about.address);
    const found = refused.has(id) ? NOBODY : await lookOnce(id, token, about);
    if (!isInForce(found)) throw notInForce();
    if (counted) throttle.giveBack(about.address);
    return found.principal;
  };
}

const NOBODY: Known = { principal: undefined, until: 0 };

function isInForce(known: Known | undefined): known is Known & { readonly principal: Principal } {
  return known?.principal !== undefined && known.until > Date.now();
}

function notInForce(): HttpError {
  const detail = "The key is unknown, revoked or expired, or its tenant is disabled.";
  return new HttpError("unauthorized", detail, { path: "Authorization" });
}
