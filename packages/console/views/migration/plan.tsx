import { useState } from "preact/hooks";
import { Button } from "../../components/button.tsx";
import { Figures } from "../../components/figures.tsx";
import { countOf, formatBytes, formatCount } from "../../components/format.ts";
import { Loading } from "../../components/loading.tsx";
import { Page } from "../../components/page.tsx";
import { Problem } from "../../components/problem.tsx";
import { useRequest } from "../../request/use-request.ts";
import { getReport, type Migration, type Plan } from "./api.ts";
import { describeOptions } from "./options.ts";
import { PlanTable } from "./plan-table.tsx";
import { ProblemList } from "./problem-list.tsx";
import { listProblems } from "./problems.ts";
import { Proposal } from "./proposal.tsx";
import { StartMigration } from "./start-migration.tsx";

/** What a dry run has found, and the way to start the migration. */
export function PlanOf({ run }: { readonly run: Migration }) {
  const { data: plan, error, reload } = useRequest(() => getReport<Plan>(run.id), [run.id]);
  const [isStarting, setIsStarting] = useState(false);
  if (!plan) return error === undefined ? <Loading what="Plan" /> : <Problem error={error} retry={reload} />;
  const isBlocked = plan.unmapped.some(({ blocking }) => blocking) || plan.collections.length === 0;
  return (
    <Page
      title="Dry run"
      lead={describe(plan)}
      actions={
        !isBlocked && (
          <Button isPrimary onClick={() => setIsStarting(true)}>
            Start the migration
          </Button>
        )
      }
    >
      {plan.collections.length > 0 && <Figures figures={figuresOf(plan)} />}
      <Options plan={plan} />
      {plan.proposal && <Proposal proposal={plan.proposal} options={plan.options} />}
      <ProblemList problems={listProblems(plan)} />
      {plan.collections.length > 0 && <PlanTable plan={plan} />}
      {isStarting && <StartMigration plan={plan} onClose={() => setIsStarting(false)} />}
    </Page>
  );
}

function describe({ collections, unmapped, failed }: Plan): string {
  const blocking = unmapped.filter((collection) => collection.blocking).length;
  if (blocking > 0)
    return `${countOf(blocking, "collection")} ${blocking === 1 ? "has" : "have"} no target yet. Nothing can be migrated before ${blocking === 1 ? "it has" : "they have"} one.`;
  if (collections.length === 0) return "There is nothing to migrate with these options.";
  const others = unmapped.length + failed.length;
  const left = others === 0 ? "" : ` ${countOf(others, "other")} cannot be migrated.`;
  return `${countOf(collections.length, "collection")} can be migrated.${left} Nothing was written.`;
}

function figuresOf({ collections }: Plan) {
  const total = (read: (collection: Plan["collections"][number]) => number) =>
    collections.reduce((sum, collection) => sum + read(collection), 0);
  return [
    { name: "collections", value: formatCount(collections.length) },
    { name: "records", value: formatCount(total(({ count }) => count)) },
    { name: "tenants", value: formatCount(new Set(collections.map(({ target }) => target.tenant)).size) },
    { name: "in Postgres", value: formatBytes(total(({ bytes }) => bytes)) },
    { name: "to copy and compare", value: formatDuration(total(({ seconds }) => seconds)) },
  ];
}

/** Seconds as `40 s`, `12 min`, `3 h`. */
function formatDuration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))}\u00a0s`;
  return seconds < 5_400 ? `${Math.round(seconds / 60)}\u00a0min` : `${Math.round(seconds / 3_600)}\u00a0h`;
}

function Options({ plan: { options } }: { readonly plan: Plan }) {
  const described = describeOptions(options);
  if (described.length === 0) return null;
  return (
    <dl class="used-options">
      {described.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <code>{value}</code>
          </dd>
        </div>
      ))}
    </dl>
  );
}
