import type { Principal } from "../context.ts";

/** What a credential has turned out to be. */
export interface Known {
  readonly principal: Principal | undefined;
  /** When it runs out, in milliseconds since 1970. */
  readonly until: number;
}
