import { goTo } from "../../app/route.ts";
import { Confirm } from "../../components/confirm.tsx";
import { countOf } from "../../components/format.ts";
import { type Plan, type PlannedCollection, startMigration } from "./api.ts";

interface StartMigrationProps {
  readonly plan: Plan;
  readonly onClose: () => void;
}

/** Asks before a migration starts, and states what it writes, costs and deletes. */
export function StartMigration({ plan, onClose }: StartMigrationProps) {
  const { options } = plan;
  const start = async () => {
    const { id } = await startMigration(options, { isDryRun: false });
    goTo(["migration", id]);
  };
  return (
    <Confirm
      title="Start the migration?"
      action="Start the migration"
      isDangerous={options.discard_changes || options.prune}
      onConfirm={start}
      onClose={onClose}
    >
      <ul class="effects">
        {listEffects(plan).map((effect) => (
          <li key={effect}>{effect}</li>
        ))}
      </ul>
    </Confirm>
  );
}

function listEffects({ collections, unmapped, failed, options }: Plan): readonly string[] {
  const created = collections.filter(({ target }) => !target.exists).length;
  const tenants = new Set(collections.map(({ target }) => target.tenant)).size;
  const records = sumOf(collections);
  const embedded = collections.filter(({ vectors }) => vectors === "embed");
  const others = unmapped.length + failed.length;
  return [
    `Copies ${countOf(records, "record")} in ${countOf(collections.length, "collection")} to ${countOf(tenants, "tenant")} of Cairn. ${created === 0 ? "All of them exist." : `${countOf(created, "collection")} ${created === 1 ? "is" : "are"} created.`}`,
    "Chroma is only read, and can stay in use.",
    ...(embedded.length > 0
      ? [`Embeds ${countOf(sumOf(embedded), "text")} again, which costs what the provider of the model charges.`]
      : []),
    ...(others > 0 ? [`${countOf(others, "collection")} cannot be migrated and will be listed in the report.`] : []),
    options.discard_changes
      ? "Deletes and reverts what was added, edited and deleted in Cairn since an earlier migration. It cannot be recovered: back up first."
      : "Changes that were made in Cairn since an earlier migration are kept.",
    ...(options.prune && !options.discard_changes
      ? ["Deletes records that an earlier migration wrote and Chroma no longer has."]
      : []),
  ];
}

function sumOf(collections: readonly PlannedCollection[]): number {
  return collections.reduce((sum, { count }) => sum + count, 0);
}
