import { Moment } from "../../components/moment.tsx";
import { PHASES, type Phase } from "./api.ts";
import { PHASE_TEXTS } from "./phases.ts";

interface WayProps {
  readonly phase: Phase;
  readonly since: string | null;
}

/** The way from Chroma to Cairn, with the phase that the tenant is in. */
export function Way({ phase, since }: WayProps) {
  const at = PHASES.indexOf(phase);
  return (
    <ol class="steps-of-way">
      {PHASES.map((name, n) => (
        <li key={name} class={n < at ? "passed" : undefined} aria-current={n === at ? "step" : undefined}>
          <span class="phase">{name}</span>
          <small>{n === at && since ? <Since iso={since} /> : PHASE_TEXTS[name]}</small>
        </li>
      ))}
    </ol>
  );
}

function Since({ iso }: { readonly iso: string }) {
  return (
    <>
      entered <Moment iso={iso} />
    </>
  );
}
