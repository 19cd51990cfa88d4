import { PHASES, type Phase } from "./api.ts";
import { PHASE_TEXTS } from "./phases.ts";

interface PhaseStripProps {
  /** Tenants in each phase. */
  readonly counts: Readonly<Record<Phase, number>>;
  /** The phase whose tenants are shown. Undefined: all. */
  readonly chosen: Phase | undefined;
  readonly onChoose: (phase: Phase | undefined) => void;
}

/** The phases in order with the number of tenants in each. A phase filters the list. */
export function PhaseStrip({ counts, chosen, onChoose }: PhaseStripProps) {
  return (
    <ol class="phases">
      {PHASES.map((phase) => (
        <li key={phase}>
          <button
            type="button"
            aria-pressed={phase === chosen}
            onClick={() => onChoose(phase === chosen ? undefined : phase)}
          >
            <span class="count">{counts[phase]}</span>
            <span class="phase">{phase}</span>
            <small>{PHASE_TEXTS[phase]}</small>
          </button>
        </li>
      ))}
    </ol>
  );
}
