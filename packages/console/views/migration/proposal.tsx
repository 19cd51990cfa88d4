import { useState } from "preact/hooks";
import { goTo } from "../../app/route.ts";
import { Button } from "../../components/button.tsx";
import { countOf } from "../../components/format.ts";
import { messageOf, Problem } from "../../components/problem.tsx";
import { Section } from "../../components/section.tsx";
import { type Column, Table } from "../../components/table.tsx";
import { type MigrationOptions, type Plan, startMigration } from "./api.ts";

interface ProposalProps {
  readonly proposal: NonNullable<Plan["proposal"]>;
  readonly options: MigrationOptions;
}

interface Row {
  readonly name: string;
  readonly tenant: string;
  readonly collection: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { head: "Collection in Chroma", cell: ({ name }) => name },
  { head: "Tenant", cell: ({ tenant }) => tenant },
  { head: "Collection in Cairn", cell: ({ collection }) => collection },
];

/** Targets that the names of collections suggest. They can be edited, and are used in another dry run. */
export function Proposal({ proposal: { mapping, reasons }, options }: ProposalProps) {
  const [text, setText] = useState<string>();
  const [error, setError] = useState<unknown>();
  const [isBusy, setIsBusy] = useState(false);
  const rows = Object.entries(mapping).flatMap(([name, target]) => (target ? [{ name, ...target }] : []));
  const submit = async () => {
    setIsBusy(true);
    setError(undefined);
    try {
      const chosen = text === undefined ? mapping : JSON.parse(text);
      const { id } = await startMigration({ ...options, mapping: chosen }, { isDryRun: true });
      goTo(["migration", id]);
    } catch (reason) {
      const isSyntax = reason instanceof SyntaxError;
      setError(isSyntax ? new Error(`The mapping is not valid JSON: ${messageOf(reason)}`) : reason);
      setIsBusy(false);
    }
  };
  return (
    <Section title="Proposed targets" note={`${reasons.join(" ")} Check the tenants before you use them.`}>
      {text === undefined ? (
        <Table caption={countOf(rows.length, "collection")} columns={COLUMNS} rows={rows} keyOf={({ name }) => name} />
      ) : (
        <textarea
          aria-label="Mapping as JSON"
          rows={Math.min(24, 3 + text.split("\n").length)}
          spellcheck={false}
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      )}
      {error !== undefined && <Problem error={error} />}
      <div class="actions">
        <Button isPrimary isBusy={isBusy} onClick={submit}>
          Repeat the dry run with these targets
        </Button>
        {text === undefined && (
          <Button onClick={() => setText(JSON.stringify(mapping, null, 2))}>Edit the targets</Button>
        )}
      </div>
    </Section>
  );
}
