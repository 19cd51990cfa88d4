import { useState } from "preact/hooks";
import { Badge } from "../../components/badge.tsx";
import { Button } from "../../components/button.tsx";
import { countOf } from "../../components/format.ts";
import { Section } from "../../components/section.tsx";
import type { PlanProblem } from "./problems.ts";

/** Entries that are shown at first. */
const SHOWN = 20;

export function ProblemList({ problems }: { readonly problems: readonly PlanProblem[] }) {
  const [isWhole, setIsWhole] = useState(false);
  if (problems.length === 0) return null;
  const shown = isWhole ? problems : problems.slice(0, SHOWN);
  return (
    <Section title="Worth knowing" note="What stops the migration comes first.">
      <ul class="problems">
        {shown.map(({ key, tone, title, where, detail }) => (
          <li key={key}>
            <p>
              <Badge tone={tone}>{title}</Badge>
              {where !== undefined && <bdi>{where}</bdi>}
            </p>
            <p class="soft">{detail}</p>
          </li>
        ))}
      </ul>
      {shown.length < problems.length && (
        <Button onClick={() => setIsWhole(true)}>Show {countOf(problems.length - SHOWN, "other")}</Button>
      )}
    </Section>
  );
}
