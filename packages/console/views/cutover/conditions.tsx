import { Badge } from "../../components/badge.tsx";
import { Section } from "../../components/section.tsx";
import type { Condition, CutoverStatus } from "./api.ts";
import { titleOf } from "./phases.ts";

/** What the next phase requires. What is open comes first. */
export function Conditions({ status: { next } }: { readonly status: CutoverStatus }) {
  if (!next) return null;
  const open = next.conditions.filter(({ met }) => !met).length;
  const note =
    open === 0
      ? "All conditions hold."
      : `${open} of ${next.conditions.length} are open. They are checked again by themselves.`;
  return (
    <Section title={`Before ${next.phase}`} note={note}>
      <ConditionList conditions={next.conditions} />
    </Section>
  );
}

export function ConditionList({ conditions }: { readonly conditions: readonly Condition[] }) {
  return (
    <ul class="problems">
      {conditions
        .toSorted((a, b) => Number(a.met) - Number(b.met))
        .map((condition) => (
          <li key={condition.name}>
            <p>
              <Badge tone={condition.met ? "good" : "warning"}>
                {titleOf(condition)}
                <span class="sr">{condition.met ? ": holds" : ": open"}</span>
              </Badge>
            </p>
            <p class="soft">{condition.detail}</p>
          </li>
        ))}
    </ul>
  );
}
