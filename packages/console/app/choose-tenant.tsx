import { read } from "@cairn/client/client.ts";
import { useState } from "preact/hooks";
import { Button } from "../components/button.tsx";
import { Loading } from "../components/loading.tsx";
import { Page } from "../components/page.tsx";
import { Problem } from "../components/problem.tsx";
import { openTenant } from "../request/act-for-tenant.ts";
import { ownClient } from "../request/client.ts";
import { useRequest } from "../request/use-request.ts";
import type { View } from "./view.ts";

/** Lets an operator choose the tenant that a view is about. */
export function ChooseTenant({ view }: { readonly view: View }) {
  const { data, error, reload } = useRequest(() => read(ownClient().v1.tenants.$get()), []);
  const [opening, setOpening] = useState<string>();
  const [failure, setFailure] = useState<unknown>();
  const open = (id: string) => {
    setOpening(id);
    setFailure(undefined);
    openTenant(id).catch((reason: unknown) => {
      setFailure(reason);
      setOpening(undefined);
    });
  };
  return (
    <Page
      title={view.title}
      lead="Choose a tenant. The operator's key cannot read documents, so this creates a key of the tenant that expires in an hour and is revoked when you leave."
    >
      {error !== undefined && <Problem error={error} retry={reload} />}
      {failure !== undefined && <Problem error={failure} />}
      {!data && error === undefined && <Loading what="Tenants" />}
      {data?.tenants.length === 0 && (
        <p class="soft">
          There is no tenant yet. Create one: <code>cairn tenants create NAME</code>
        </p>
      )}
      <ul class="choices">
        {data?.tenants.map(({ id, name, disabled_at: disabledAt }) => (
          <li key={id}>
            <span class="label">{name}</span>
            {disabledAt ? (
              <span class="soft">disabled</span>
            ) : (
              <Button onClick={() => open(id)} isBusy={opening === id} label={`Open ${name}`}>
                Open
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Page>
  );
}
