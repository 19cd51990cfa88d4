import { useEffect } from "preact/hooks";
import { route } from "../../app/route.ts";
import { Page } from "../../components/page.tsx";
import { acting, signedIn } from "../../request/session.ts";
import { Configuration } from "./configuration.tsx";
import { Jobs } from "./jobs.tsx";
import { Keys } from "./keys.tsx";
import { Maintenance } from "./maintenance.tsx";

/** Keys, jobs, index maintenance and the configuration: of the tenant, or of the operator. */
export default function Operations() {
  const identity = (acting.value ?? signedIn.value)?.identity;
  const section = route.value.path[1];
  useEffect(() => {
    if (section) document.getElementById(section)?.scrollIntoView();
  }, [section]);
  if (!identity) return null;
  const isOperator = identity.kind === "operator";
  const isAdmin = identity.scopes.includes("admin");
  const whose = isOperator ? "the operator" : (identity.tenant?.name ?? "the tenant");
  return (
    <Page title="Operations" lead={`Keys, jobs and index maintenance of ${whose}.`}>
      <Keys isAdmin={isAdmin} ownKey={identity.key} />
      <Jobs isOperator={isOperator} />
      <Maintenance isOperator={isOperator} />
      {isOperator && <Configuration />}
    </Page>
  );
}
