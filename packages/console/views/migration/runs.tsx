import { linkTo } from "../../app/route.ts";
import { Command } from "../../components/command.tsx";
import { countOf } from "../../components/format.ts";
import { Loading } from "../../components/loading.tsx";
import { Moment } from "../../components/moment.tsx";
import { Page } from "../../components/page.tsx";
import { Problem } from "../../components/problem.tsx";
import { Section } from "../../components/section.tsx";
import { type Column, Table } from "../../components/table.tsx";
import { useRequest } from "../../request/use-request.ts";
import { listMigrations, type Migration } from "./api.ts";
import { NewRun } from "./new-run.tsx";
import { State, shareDone } from "./state.tsx";

const INTERVAL_MS = 3_000;

/** Starts a dry run, and lists the migrations and dry runs. */
export function Runs() {
  const { data, error, reload } = useRequest(listMigrations, [], { everyMs: INTERVAL_MS });
  return (
    <Page title="Migration" lead={data && <Lead source={data.source} />}>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {!data && error === undefined && <Loading what="Migrations" />}
      {data?.source === null && <NotConfigured />}
      {data?.source && <NewRun />}
      {data && (
        <Section title="Runs" note="Newest first. A finished dry run can be started as a migration." isWide>
          <Table
            caption={countOf(data.migrations.length, "run")}
            columns={COLUMNS}
            rows={data.migrations}
            keyOf={({ id }) => id}
            empty="Nothing has run yet. A dry run shows what a migration would do, and writes nothing."
          />
        </Section>
      )}
    </Page>
  );
}

function Lead({ source }: { readonly source: { readonly url: string } | null }) {
  if (source === null) return <>This service is not connected to a Chroma server.</>;
  return (
    <>
      Copies the collections of <code>{source.url}</code> to Cairn, and compares every record. Chroma is only read, and
      can stay in use.
    </>
  );
}

function NotConfigured() {
  return (
    <Section
      title="Connect Chroma"
      note="The address is a setting of the service, because it may contain a credential."
    >
      <p>
        Set <code>CHROMA_URL</code> to the address of the Chroma server, and <code>CHROMA_TOKEN</code> if it requires a
        token. Then start the service again:
      </p>
      <Command text="CHROMA_URL=https://chroma.example.org CHROMA_TOKEN=… cairn serve" />
      <p class="soft">
        With this address the service is also a gateway in front of Chroma, which moves tenants one by one. Add{" "}
        <code>--chroma-migrations-only</code> to migrate only.
      </p>
    </Section>
  );
}

const COLUMNS: readonly Column<Migration>[] = [
  {
    head: "Run",
    cell: ({ id, dry_run: isDryRun }) => (
      <a href={linkTo(["migration", id])}>
        {isDryRun ? "Dry run" : "Migration"} <code>{id.slice(0, 8)}</code>
      </a>
    ),
  },
  { head: "State", cell: (migration) => <State migration={migration} /> },
  { head: "Collections", isNumeric: true, cell: ({ counts }) => counts.collections },
  { head: "Records", isNumeric: true, cell: ({ counts }) => counts.records?.toLocaleString("en-US") },
  { head: "Progress", cell: (migration) => <Progress migration={migration} /> },
  { head: "Started", cell: ({ created_at: at }) => <Moment iso={at} /> },
];

function Progress({ migration }: { readonly migration: Migration }) {
  if (migration.status === "failed") return <span class="soft">{migration.last_error?.message}</span>;
  if (migration.status !== "in_progress") return null;
  const share = shareDone(migration);
  return <progress aria-label="Progress" {...(share === undefined ? {} : { value: share })} max={1} />;
}
