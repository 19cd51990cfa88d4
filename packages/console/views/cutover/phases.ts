import { type Condition, PHASES, type Phase } from "./api.ts";

/** What holds in each phase, in a few words. */
export const PHASE_TEXTS: Readonly<Record<Phase, string>> = {
  chroma: "Chroma answers",
  mirror: "Chroma answers, Cairn follows",
  shadow: "Chroma answers, reads are compared",
  cairn: "Cairn answers, Chroma follows",
  done: "Cairn answers",
};

/** What entering a phase changes. */
export const ADVANCE_EFFECTS: Readonly<Record<Phase, readonly string[]>> = {
  chroma: [],
  mirror: [
    "Chroma goes on to answer every request. The application notices nothing.",
    "Cairn copies all records of the tenant, and then every write. Its collections in Cairn are made equal to Chroma's, and /v1 refuses to write them.",
  ],
  shadow: [
    "Chroma goes on to answer every request.",
    "A sample of the reads is also sent to Cairn, after the client has its answer, and compared. That costs Cairn the load of these reads.",
  ],
  cairn: [
    "Writes of the tenant wait for a moment, at most ten seconds, until Cairn has every change. Then Cairn answers every request.",
    "Chroma gets every write, so the way back stays open.",
    "If Cairn does not catch up in time, the tenant stays where it is, and nothing is lost.",
  ],
  done: [
    "Chroma is not called any more, and lacks what is written from now on.",
    "This page cannot undo it: the way back needs the tenant's data to be written to Chroma first.",
  ],
};

/** What going back to a phase changes. */
export function backEffects(from: Phase, to: Phase): readonly string[] {
  const barrier =
    from === "cairn"
      ? [
          "Writes of the tenant wait for a moment, at most ten seconds, until Chroma has every change. Then Chroma answers every request again.",
        ]
      : [];
  if (to === "shadow") return [...barrier, "Cairn follows, and a sample of the reads is compared."];
  if (to === "mirror") return [...barrier, "Cairn follows. Reads are not compared any more."];
  return [
    ...barrier,
    from === "done"
      ? "Chroma answers every request with what it has now. What was written to Cairn since the phase done is missing there, unless you have written it back."
      : "Cairn does not follow any more. The tenant can leave Chroma again at any time.",
  ];
}

/** What each condition is about. */
const CONDITION_TITLES: Readonly<Record<string, string>> = {
  no_local_changes: "Nothing written in Cairn",
  collections: "Collections in Chroma",
  identical: "All records equal",
  journal: "Journal follows",
  findings: "No refused records",
  reads: "Enough reads compared",
  agreement: "Reads agree",
  way_back: "Way back open",
};

export function titleOf({ name }: Condition): string {
  return CONDITION_TITLES[name] ?? name;
}

export function earlierPhases(phase: Phase): readonly Phase[] {
  if (phase === "done") return ["chroma"];
  return PHASES.slice(0, PHASES.indexOf(phase)).toReversed();
}
