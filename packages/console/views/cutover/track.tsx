import { PHASES, type Phase } from "./api.ts";

/** A tenant's way through the phases as five marks. The text next to it names the phase. */
export function Track({ phase }: { readonly phase: Phase }) {
  const at = PHASES.indexOf(phase);
  return (
    <svg class="track" viewBox="0 0 92 12" width="92" height="12" aria-hidden="true">
      <path d="M6 6H86" class="way" />
      {at > 0 && <path d={`M6 6H${6 + 20 * at}`} class="gone" />}
      {PHASES.map((name, n) => (
        <circle key={name} cx={6 + 20 * n} cy="6" r={n === at ? 5 : 3} class={n <= at ? "gone" : "way"} />
      ))}
    </svg>
  );
}
