import { useState } from "preact/hooks";
import { goTo } from "../../app/route.ts";
import { Button } from "../../components/button.tsx";
import { Problem } from "../../components/problem.tsx";
import { openTenant } from "../../request/act-for-tenant.ts";
import type { TenantState } from "./state.ts";

interface OpenTenantProps {
  readonly tenant: Pick<TenantState, "id" | "name">;
  /** Where to go with the tenant's key. */
  readonly path: readonly string[];
  readonly text: string;
}

/** Lets the operator act for a tenant and go to one of its views. */
export function OpenTenant({ tenant, path, text }: OpenTenantProps) {
  const [isBusy, setIsBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const open = () => {
    setIsBusy(true);
    openTenant(tenant.id).then(
      () => goTo(path),
      (reason: unknown) => {
        setError(reason);
        setIsBusy(false);
      },
    );
  };
  return (
    <>
      <Button onClick={open} isBusy={isBusy} label={`${text} of ${tenant.name}, with a key of the tenant for an hour`}>
        {text}
      </Button>
      {error !== undefined && <Problem error={error} />}
    </>
  );
}
