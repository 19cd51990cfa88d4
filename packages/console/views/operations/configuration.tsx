import type { Client } from "@cairn/client/client.ts";
import { read } from "@cairn/client/client.ts";
import type { InferResponseType } from "hono/client";
import { useState } from "preact/hooks";
import { Badge } from "../../components/badge.tsx";
import { Loading } from "../../components/loading.tsx";
import { Problem } from "../../components/problem.tsx";
import { Section } from "../../components/section.tsx";
import { type Column, Table } from "../../components/table.tsx";
import { ownClient } from "../../request/client.ts";
import { useRequest } from "../../request/use-request.ts";

type Response = Extract<InferResponseType<Client["v1"]["configuration"]["$get"]>, { readonly settings: unknown }>;
type Setting = Response["settings"][number];

const DATABASES: Readonly<Record<string, string>> = { pglite: "the embedded database", pg: "PostgreSQL", neon: "Neon" };

/** The configuration in force, without secrets. */
export function Configuration() {
  const { data, error, reload } = useRequest(() => read(ownClient().v1.configuration.$get()), []);
  const [showsAll, setShowsAll] = useState(false);
  const rows = data?.settings.filter((setting) => showsAll || setting.is_set) ?? [];
  const note = data
    ? `Cairn ${data.version} on ${DATABASES[data.database] ?? data.database}. Values of secrets are never shown.`
    : "Values of secrets are never shown.";
  return (
    <Section id="configuration" title="Configuration" note={note} isWide>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {!data && error === undefined && <Loading what="Configuration" />}
      {data && (
        <>
          <Table
            caption={showsAll ? "All settings" : "Settings that differ from their default"}
            columns={COLUMNS}
            rows={rows}
            keyOf={({ name }) => name}
            empty="Every setting has its default."
          />
          <label class="choice">
            <input
              type="checkbox"
              checked={showsAll}
              onChange={({ currentTarget }) => setShowsAll(currentTarget.checked)}
            />
            Show all {data.settings.length} settings
          </label>
        </>
      )}
    </Section>
  );
}

const COLUMNS: readonly Column<Setting>[] = [
  {
    head: "Setting",
    cell: ({ name, variable }) => (
      <>
        <code>{name}</code>
        {variable !== null && variable !== name && (
          <small>
            <code>{variable}</code>
          </small>
        )}
      </>
    ),
  },
  { head: "Value", cell: (setting) => <Value setting={setting} /> },
  { head: "Default", cell: ({ default: applied }) => <span class="soft">{applied ?? "none"}</span> },
  { head: "What it is", cell: ({ description }) => description },
];

function Value({ setting: { is_secret: isSecret, is_set: isSet, value } }: { readonly setting: Setting }) {
  if (isSecret && isSet) return <Badge tone="good">set, hidden</Badge>;
  return isSet ? <code>{value}</code> : <span class="soft">default</span>;
}
