import type { ComponentType } from "preact";
import type { Identity } from "../request/session.ts";

/** A page of the console. */
export interface View {
  /** The first segment of its address. */
  readonly path: string;
  readonly title: string;
  /** `tenant`: an operator chooses a tenant first. `any`: for every key. `operator`: only an operator sees it. */
  readonly audience: "tenant" | "any" | "operator";
  /** Loads the component. It is a separate file if it is not part of the first view. */
  readonly load: () => Promise<{ readonly default: ComponentType }>;
}

export function isVisible({ audience }: View, identity: Identity): boolean {
  return audience !== "operator" || identity.kind === "operator";
}
