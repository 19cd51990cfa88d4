import { useState } from "preact/hooks";
import type { Collection } from "../../components/collection-choice.tsx";
import { countOf, formatMs } from "../../components/format.ts";
import { messageOf } from "../../components/problem.tsx";
import { stemsOf } from "../../components/stems.ts";
import { HitCard } from "./hit-card.tsx";
import { PlanNote } from "./plan-note.tsx";
import { passageKey } from "./search-request.ts";
import { MODES, type Mode } from "./search-settings.ts";
import type { Outcome } from "./use-comparison.ts";

interface ComparisonProps {
  readonly outcomes: readonly Outcome[];
  readonly text: string;
  readonly collection: Collection;
}

const DESCRIPTIONS: Readonly<Record<Mode, string>> = {
  vector: "by meaning",
  keyword: "by words",
  hybrid: "both, fused by rank",
};

/** The hits of each mode, side by side. On a narrow screen one mode is shown at a time. */
export function Comparison({ outcomes, text, collection }: ComparisonProps) {
  const [shown, setShown] = useState<Mode>("hybrid");
  const [pointed, setPointed] = useState<string>();
  const stems = stemsOf(text);
  const placesOf = (key: string) =>
    outcomes.map(({ request, hits = [] }) => ({
      mode: request.mode,
      rank: hits.findIndex((hit) => passageKey(hit) === key) + 1,
    }));
  return (
    <section class="comparison" aria-label={`Hits for “${text}”`}>
      <fieldset class="segments">
        <legend class="sr">Mode to show</legend>
        {MODES.map((mode) => (
          <button key={mode} type="button" aria-pressed={mode === shown} onClick={() => setShown(mode)}>
            {mode}
          </button>
        ))}
      </fieldset>
      <div class="columns">
        {outcomes.map(({ request: { mode }, hits, ms, error, plan }) => (
          <section key={mode} class={mode === shown ? "column shown" : "column"} aria-labelledby={`mode-${mode}`}>
            <header>
              <h2 id={`mode-${mode}`}>{mode}</h2>
              <p class="soft">{DESCRIPTIONS[mode]}</p>
              <p class="latency" role="status">
                {ms !== undefined && hits ? `${countOf(hits.length, "hit")} in ${formatMs(ms)}` : ""}
              </p>
            </header>
            {error !== undefined && <p class="refusal">{messageOf(error)}</p>}
            {!hits && error === undefined && <p class="loading">Searching …</p>}
            {hits && <PlanNote mode={mode} plan={plan} />}
            {hits?.length === 0 && <p class="soft">Nothing matches.</p>}
            <ol class="hits">
              {hits?.map((hit, index) => (
                <HitCard
                  key={passageKey(hit)}
                  hit={hit}
                  rank={index + 1}
                  mode={mode}
                  stems={stems}
                  collection={collection.name}
                  places={placesOf(passageKey(hit))}
                  isPointed={pointed === passageKey(hit)}
                  onPoint={setPointed}
                />
              ))}
            </ol>
          </section>
        ))}
      </div>
    </section>
  );
}
