import type { Principal } from "../context.ts";

/** The result of checking a credential. */
export interface VerifiedCredential {
  /** Undefined: the credential is not valid. */
  readonly principal: Principal | undefined;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}
