import { useState } from "preact/hooks";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { Scrollable } from "../../components/scrollable.tsx";
import type { Mode } from "./search-settings.ts";
import type { Explanation } from "./use-comparison.ts";

/** What a search did in a sentence, with its statements behind a button. It appears when the plan is known. */
export function PlanNote({ mode, plan }: { readonly mode: Mode; readonly plan: Explanation | undefined }) {
  const [isOpen, setIsOpen] = useState(false);
  if (!plan) return <div class="plan-note" />;
  return (
    <div class="plan-note">
      {sentenceOf(plan.summary)}{" "}
      <button type="button" class="plain" aria-label={`Plan of the ${mode} search`} onClick={() => setIsOpen(true)}>
        Plan
      </button>
      {isOpen && <PlanDialog mode={mode} plan={plan} onClose={() => setIsOpen(false)} />}
    </div>
  );
}

const LABEL = /^(Vector|Keyword) search[^:]*: /;

/** The summary as short as its column allows: what both lists do is said once, and a single list needs no name. */
function sentenceOf(summary: readonly string[]): string {
  const lists = summary.filter((sentence) => LABEL.test(sentence));
  const others = summary.filter((sentence) => !LABEL.test(sentence));
  const texts = new Set(lists.map((sentence) => sentence.replace(LABEL, "")));
  const [text = ""] = texts;
  if (texts.size > 1) return summary.join(" ");
  const start = lists.length > 1 ? "Both lists: " : "";
  const first = start ? text : text.charAt(0).toUpperCase() + text.slice(1);
  return [start + first, ...others].join(" ");
}

interface PlanDialogProps {
  readonly mode: Mode;
  readonly plan: Explanation;
  readonly onClose: () => void;
}

function PlanDialog({ mode, plan: { summary, steps }, onClose }: PlanDialogProps) {
  return (
    <Dialog title={`Plan of the ${mode} search`} onClose={onClose}>
      <div class="plan">
        {summary.map((sentence) => (
          <p key={sentence}>{sentence}</p>
        ))}
        {steps.map(({ list, settings, sql, plan }) => (
          <details key={list} open>
            <summary>Plan of Postgres, {list} list</summary>
            <Scrollable label={`Plan of the ${list} list`} text={plan.join("\n")} />
            <details>
              <summary>Statement</summary>
              <Scrollable
                label={`Statement of the ${list} list`}
                text={[...settings.map((setting) => `${setting};`), sql.trim()].join("\n")}
              />
            </details>
          </details>
        ))}
      </div>
      <div class="actions">
        <Button onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  );
}
