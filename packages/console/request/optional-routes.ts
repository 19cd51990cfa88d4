import { useEffect, useState } from "preact/hooks";
import { send } from "./client.ts";
import type { Identity } from "./session.ts";

/** Routes of packages that a service can do without. */
const OPTIONAL_ROUTES = ["/v1/migrations", "/v1/cutover"] as const;

export type OptionalRoute = (typeof OPTIONAL_ROUTES)[number];

const NONE: ReadonlySet<OptionalRoute> = new Set();

/** The optional routes that the service has, which are the operator's. Undefined: it is not known yet. */
export function useOptionalRoutes({ kind, key }: Identity): ReadonlySet<OptionalRoute> | undefined {
  const isOperator = kind === "operator";
  const [routes, setRoutes] = useState(isOperator ? undefined : NONE);
  useEffect(() => {
    if (isOperator) findRoutes().then(setRoutes, () => setRoutes(NONE));
  }, [isOperator, key]);
  return routes;
}

async function findRoutes(): Promise<ReadonlySet<OptionalRoute>> {
  const answers = await Promise.all(OPTIONAL_ROUTES.map((path) => send(path, { method: "HEAD" })));
  return new Set(OPTIONAL_ROUTES.filter((_, n) => answers[n]?.status !== 404));
}
