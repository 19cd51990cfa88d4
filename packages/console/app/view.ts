import type { ComponentType } from "preact";
import type { OptionalRoute } from "../request/optional-routes.ts";
import type { Identity } from "../request/session.ts";

/** A page of the console. */
export interface View {
  /** The first segment of its address. */
  readonly path: string;
  readonly title: string;
  /** `tenant`: an operator chooses a tenant first. `any`: for every key. `operator`: only an operator sees it. */
  readonly audience: "tenant" | "any" | "operator";
  /** A route that it needs. A service without it does not show the view. */
  readonly needs?: OptionalRoute;
  /** Loads the component. It is a separate file if it is not part of the first view. */
  readonly load: () => Promise<{ readonly default: ComponentType }>;
}

/** Whether the navigation has the view. `routes`: the optional routes that the service is known to have. */
export function isVisible({ audience, needs }: View, identity: Identity, routes?: ReadonlySet<OptionalRoute>): boolean {
  if (needs && !routes?.has(needs)) return false;
  return audience !== "operator" || identity.kind === "operator";
}
