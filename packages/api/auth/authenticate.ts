import { createHash } from "node:crypto";
import type { Database } from "@cairn/core/database/database.ts";
import { withTimeLimit } from "@cairn/core/database/time-limit.ts";
import { findKeyHolder, touchApiKey } from "@cairn/core/tenant/api-key.ts";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { LRUCache } from "lru-cache";
import type { Env, Principal } from "../context.ts";
import { HttpError } from "../problem.ts";
import { createTokenVerifier, type JwtOptions } from "./jwt.ts";
import type { Known } from "./known.ts";

/** Milliseconds that a credential is remembered for: the longest that a revoked one can still be used. */
const REMEMBERED = 60_000;

/** Milliseconds for which a credential stays refused; short, as it may be one that was just made. */
const REFUSED = 2_000;

/** Milliseconds that a look into the database may take. */
const PATIENCE = 10_000;

export interface AuthenticatorOptions {
  /** Tokens of an issuer beside the service's own keys. */
  readonly jwt?: JwtOptions;
  /** Milliseconds that a credential is remembered for, at most 60,000. */
  readonly remember?: number;
}

/** Gives each request its principal, within the request's time. Throws `unauthorized`. */
export function authenticate(database: Database, options: AuthenticatorOptions) {
  const identify = createAuthenticator(database, options);
  return createMiddleware<Env>(async (c, next) => {
    const time = c.get("time");
    const principal = await identify(c.req.header("Authorization"), {
      left: time.left(),
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

interface Looking {
  /** Milliseconds that the request has left. */
  readonly left: number;
  readonly outlive: (work: Promise<unknown>) => void;
}

/** Tells who a bearer token speaks for. Asks the database once a minute for each. Throws `unauthorized`. */
function createAuthenticator(database: Database, options: AuthenticatorOptions) {
  const remember = Math.min(REMEMBERED, options.remember ?? REMEMBERED);
  // By hash: a dump of this process's memory shows no secret. Promises, so that requests at once ask once.
  const known = new LRUCache<string, Promise<Known>>({ max: 10_000, ttl: remember });
  const verifyToken = options.jwt && createTokenVerifier(options.jwt);

  async function look(token: string, { left, outlive }: Looking): Promise<Known> {
    const limited = withTimeLimit(database, Math.min(PATIENCE, left));
    if (!token.startsWith("cairn_"))
      return (await verifyToken?.(limited, token)) ?? { principal: undefined, until: 0 };
    const holder = await findKeyHolder(limited, token);
    if (!holder) return { principal: undefined, until: Date.now() + REFUSED };
    // A date for people; the request does not wait for it.
    outlive(touchApiKey(withTimeLimit(database, PATIENCE), holder.keyId).catch(() => {}));
    const { tenantId, keyId, scopes, limits, expiresAt } = holder;
    return {
      principal: { tenantId, name: keyId, scopes, limits },
      until: expiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
    };
  }

  return async function identify(authorization: string | undefined, looking: Looking): Promise<Principal> {
    const [, token] = /^Bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
    if (!token)
      throw new HttpError("unauthorized", "Send the key as a header: Authorization: Bearer cairn_…", {
        path: "Authorization",
      });
    const id = createHash("sha256").update(token).digest("base64");
    let found = known.get(id);
    if (!found) {
      found = look(token, looking);
      known.set(id, found);
      found.catch(() => known.delete(id));
    }
    const { principal, until } = await found;
    if (principal && until > Date.now()) return principal;
    if (until <= Date.now()) known.delete(id);
    throw new HttpError(
      "unauthorized",
      "The key is unknown, revoked or expired, or its tenant is disabled.",
      {
        path: "Authorization",
      },
    );
  };
}
