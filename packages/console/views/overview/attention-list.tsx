import { linkTo } from "../../app/route.ts";
import { Badge } from "../../components/badge.tsx";
import { Command } from "../../components/command.tsx";
import { Section } from "../../components/section.tsx";
import type { Attention } from "./attention.ts";
import { OpenTenant } from "./open-tenant.tsx";
import { Reindex } from "./reindex.tsx";

interface AttentionListProps {
  readonly items: readonly Attention[];
  /** Whether the reader sees several tenants. */
  readonly isOperator: boolean;
  /** Whether they are of several tenants, which are named. */
  readonly namesTenants: boolean;
  /** Called when something was done about it. */
  readonly onChange: () => void;
}

/** What needs attention, with its reason and what to do. */
export function AttentionList({ items, isOperator, namesTenants, onChange }: AttentionListProps) {
  if (items.length === 0) return null;
  return (
    <Section title="Needs attention" note="The most urgent first. Index work also runs by itself, on a schedule.">
      <ul class="attention">
        {items.map((item) => (
          <li key={item.key}>
            <p class="what">
              <Badge tone={item.tone}>{item.title}</Badge>
              <span class="where">
                {namesTenants && <a href={linkTo(["overview", item.tenant.id])}>{item.tenant.name}</a>}
                {namesTenants && item.collection && " / "}
                {item.collection && <bdi>{item.collection.name}</bdi>}
              </span>
            </p>
            <p class="why">{item.reason}</p>
            <Remedy item={item} isOperator={isOperator} onChange={onChange} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

interface RemedyProps {
  readonly item: Attention;
  readonly isOperator: boolean;
  readonly onChange: () => void;
}

function Remedy({ item: { remedy, tenant, collection }, isOperator, onChange }: RemedyProps) {
  if (remedy === undefined) return null;
  if (remedy === "jobs" && isOperator)
    return <OpenTenant tenant={tenant} path={["operations", "jobs"]} text="Show the jobs" />;
  if (remedy === "jobs") return <a href={linkTo(["operations", "jobs"])}>Show the jobs</a>;
  if (!isOperator) return <Reindex collection={collection?.name} onChange={onChange} />;
  const scope = collection ? ` --collection ${quote(collection.name)}` : "";
  return <Command text={`cairn reindex --tenant ${quote(tenant.name)}${scope}`} />;
}

/** Quotes an argument for a shell. */
function quote(text: string): string {
  return /^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
