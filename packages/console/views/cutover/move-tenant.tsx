import { read } from "@cairn/client/client.ts";
import { useState } from "preact/hooks";
import { goTo } from "../../app/route.ts";
import { Confirm } from "../../components/confirm.tsx";
import { Field } from "../../components/field.tsx";
import { ownClient } from "../../request/client.ts";
import { useRequest } from "../../request/use-request.ts";
import { advance, listNamespaces } from "./api.ts";
import { Effects } from "./effects.tsx";
import { ADVANCE_EFFECTS } from "./phases.ts";

/** Asks which tenant enters the first phase, and states what that changes. */
export function MoveTenant({ onClose }: { readonly onClose: () => void }) {
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState("");
  const namespaces = useRequest(listNamespaces, []).data ?? [];
  const tenants = useRequest(() => read(ownClient().v1.tenants.$get()), []).data?.tenants ?? [];
  const namespace = chosen || namespaces[0]?.id;
  const move = async () => {
    if (!name.trim()) throw new Error("Enter the name of the tenant, as it is in the names of Chroma's collections.");
    const { tenant } = await advance(name.trim(), { to: "mirror", ...(namespace ? { namespace } : {}) });
    goTo(["cutover", tenant.id]);
  };
  return (
    <Confirm title="Move a tenant" action="Enter the phase mirror" onConfirm={move} onClose={onClose}>
      <Field label="Tenant" hint="Its name or id. A tenant that Cairn does not have yet is created.">
        {(props) => (
          <input
            {...props}
            name="tenant"
            list="known-tenants"
            autoComplete="off"
            value={name}
            onInput={({ currentTarget }) => setName(currentTarget.value)}
          />
        )}
      </Field>
      <datalist id="known-tenants">
        {tenants.map((tenant) => (
          <option key={tenant.id} value={tenant.name} />
        ))}
      </datalist>
      {namespaces.length > 1 && (
        <Field label="Namespace" hint="Says what the names of the collections in Chroma stand for.">
          {(props) => (
            <select {...props} value={namespace} onChange={({ currentTarget }) => setChosen(currentTarget.value)}>
              {namespaces.map(({ id, name: title }) => (
                <option key={id} value={id}>
                  {title}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      <Effects effects={ADVANCE_EFFECTS.mirror} />
    </Confirm>
  );
}
