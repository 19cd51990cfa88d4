import { read } from "@cairn/client/client.ts";
import { useState } from "preact/hooks";
import { Badge } from "../../components/badge.tsx";
import { Button } from "../../components/button.tsx";
import { countOf } from "../../components/format.ts";
import { Loading } from "../../components/loading.tsx";
import { Moment } from "../../components/moment.tsx";
import { Problem } from "../../components/problem.tsx";
import { Section } from "../../components/section.tsx";
import { type Column, Table } from "../../components/table.tsx";
import { tenantOrOwnClient } from "../../request/client.ts";
import { tenantCredential } from "../../request/session.ts";
import { useRequest } from "../../request/use-request.ts";
import { CreateKey } from "./create-key.tsx";
import { isActive, type Key } from "./key.ts";
import { RevokeKey } from "./revoke-key.tsx";
import { RotateKey } from "./rotate-key.tsx";
import { ShowSecret } from "./show-secret.tsx";

interface KeysProps {
  readonly isAdmin: boolean;
  /** Id of the key of the session. */
  readonly ownKey: string;
}

type Action = { readonly kind: "create" } | { readonly kind: "rotate" | "revoke"; readonly key: Key };

/** The keys of the tenant, or of the operator. */
export function Keys({ isAdmin, ownKey }: KeysProps) {
  const client = tenantOrOwnClient(tenantCredential() ? "tenant" : "own");
  const { data, error, reload } = useRequest(
    async () => (isAdmin ? read(client.v1.keys.$get()) : { keys: [] }),
    [isAdmin],
  );
  const [action, setAction] = useState<Action>();
  const [secret, setSecret] = useState<string>();
  const [showsAll, setShowsAll] = useState(false);
  const close = () => setAction(undefined);
  const onSecret = (value: string) => {
    close();
    setSecret(value);
    reload();
  };
  const inactive = data?.keys.filter((key) => !isActive(key)) ?? [];
  const shown = data?.keys.filter((key) => showsAll || isActive(key)) ?? [];
  return (
    <Section
      id="keys"
      title="Keys"
      note="A key is shown once, when it is created. Only its hash is stored."
      actions={isAdmin && <Button onClick={() => setAction({ kind: "create" })}>Create a key</Button>}
      isWide
    >
      {!isAdmin && <p class="soft">A key with the scope admin shows and changes keys.</p>}
      {error !== undefined && <Problem error={error} retry={reload} />}
      {!data && error === undefined && <Loading what="Keys" />}
      {isAdmin && data && (
        <Table
          caption={showsAll ? "All keys, oldest first" : "Keys that can be used, oldest first"}
          columns={columnsOf(ownKey, setAction)}
          rows={shown}
          keyOf={({ id }) => id}
        />
      )}
      {inactive.length > 0 && (
        <label class="choice">
          <input
            type="checkbox"
            checked={showsAll}
            onChange={({ currentTarget }) => setShowsAll(currentTarget.checked)}
          />
          Show {countOf(inactive.length, "revoked or expired key")}
        </label>
      )}
      {action?.kind === "create" && <CreateKey onSecret={onSecret} onClose={close} />}
      {action?.kind === "rotate" && <RotateKey apiKey={action.key} onSecret={onSecret} onClose={close} />}
      {action?.kind === "revoke" && (
        <RevokeKey apiKey={action.key} isOwn={action.key.id === ownKey} onRevoked={reload} onClose={close} />
      )}
      {secret !== undefined && <ShowSecret secret={secret} onClose={() => setSecret(undefined)} />}
    </Section>
  );
}

function columnsOf(ownKey: string, act: (action: Action) => void): readonly Column<Key>[] {
  return [
    {
      head: "Key",
      cell: ({ id, name, hint }) => (
        <>
          {name || <em>no name</em>}
          {id === ownKey && <span class="soft"> (yours)</span>}
          <small>
            <code>…{hint}</code>
          </small>
        </>
      ),
    },
    { head: "Scopes", cell: ({ scopes }) => scopes.join(", ") },
    { head: "Created", cell: (key) => <Moment iso={key.created_at} /> },
    { head: "Last used", cell: (key) => <Moment iso={key.last_used_at} /> },
    { head: "State", cell: (key) => <State apiKey={key} /> },
    {
      head: "Actions",
      cell: (key) =>
        isActive(key) && (
          <span class="row-actions">
            <button type="button" class="plain" onClick={() => act({ kind: "rotate", key })}>
              Rotate<span class="sr"> the key {key.name}</span>
            </button>
            <button type="button" class="plain dangerous" onClick={() => act({ kind: "revoke", key })}>
              Revoke<span class="sr"> the key {key.name}</span>
            </button>
          </span>
        ),
    },
  ];
}

function State({ apiKey }: { readonly apiKey: Key }) {
  const { revoked_at: revoked, expires_at: expires } = apiKey;
  if (revoked) return <Badge tone="quiet">revoked</Badge>;
  if (!isActive(apiKey)) return <Badge tone="quiet">expired</Badge>;
  if (!expires) return <Badge tone="good">valid</Badge>;
  return (
    <>
      <Badge tone="good">valid</Badge>
      <small>
        expires <Moment iso={expires} />
      </small>
    </>
  );
}
