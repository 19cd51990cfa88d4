import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import { SCOPES, type Scope } from "@cairn/core/tenant/scope.ts";
import { getTenant } from "@cairn/core/tenant/tenant.ts";
import { parseUuid } from "@cairn/core/tenant/uuid.ts";
import type { JWTPayload } from "jose";
import { HttpError } from "../problem/http-error.ts";
import type { VerifiedCredential } from "./credential.ts";

export interface JwtOptions {
  /** Where the issuer's public keys are: `https://login.example.com/.well-known/jwks.json`. */
  readonly jwksUrl: string;
  /** The required `iss` of a token. */
  readonly issuer: string;
  /** Must be in the `aud` of a token. */
  readonly audience: string;
  /** The claim that holds the tenant's id. Default `tenant_id`. */
  readonly tenantClaim?: string;
}

/** Asymmetric algorithms only: never `none`, never a shared secret. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/** Errors of jose that mean the issuer's keys could not be read. */
const KEY_ERRORS: ReadonlySet<string> = new Set(["ERR_JOSE_GENERIC", "ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID"]);

/** Creates a function that verifies tokens of an issuer. Scopes are in the claim `scope` or `scp`, as `read` or `cairn:read`. */
export function createTokenVerifier(options: JwtOptions) {
  const { jwksUrl, issuer, audience, tenantClaim = "tenant_id" } = options;
  let loading: Promise<(token: string) => Promise<JWTPayload>> | undefined;
  const load = async () => {
    const { createRemoteJWKSet, jwtVerify, errors } = await import("jose");
    const keys = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: 5_000 });
    return async (token: string) => {
      try {
        const required = { issuer, audience, algorithms: ALGORITHMS, requiredClaims: ["exp"] };
        return (await jwtVerify(token, keys, required)).payload;
      } catch (error) {
        if (error instanceof errors.JOSEError && !KEY_ERRORS.has(error.code))
          throw new HttpError("unauthorized", "The token is invalid or has expired.", {
            path: "Authorization",
          });
        throw new HttpError("issuer_unavailable", "The issuer's keys cannot be read. Try again later.");
      }
    };
  };
  return async function verify(database: Database, token: string): Promise<VerifiedCredential> {
    loading ??= load();
    const claims = await (await loading)(token);
    const tenantId = claims[tenantClaim];
    const tenant =
      typeof tenantId === "string"
        ? await getTenant(database, tenantId).catch((error: unknown) => {
            if (error instanceof AppError && error.code === "not_found") return undefined;
            throw error;
          })
        : undefined;
    if (!tenant || tenant.id !== parseUuid(String(tenantId)) || tenant.disabledAt)
      return { principal: undefined, expiresAt: 0 };
    const { id, limits } = tenant;
    const principal = { tenantId: id, name: claims.sub ?? "", scopes: scopesOf(claims), limits };
    return { principal, expiresAt: (claims.exp ?? 0) * 1000 };
  };
}

function scopesOf({ scope, scp }: JWTPayload): readonly Scope[] {
  const claimed = typeof scope === "string" ? scope.split(" ") : Array.isArray(scp) ? scp.map(String) : [];
  return SCOPES.filter((name) => claimed.includes(name) || claimed.includes(`cairn:${name}`));
}
