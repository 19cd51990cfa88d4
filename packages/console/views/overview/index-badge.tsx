import { Badge, type Tone } from "../../components/badge.tsx";
import type { IndexState } from "./state.ts";

const LABELS: Readonly<Record<IndexState, readonly [Tone, string]>> = {
  failed: ["bad", "build failed"],
  pending: ["warning", "pending"],
  unused: ["busy", "unused index"],
  building: ["busy", "building"],
  indexed: ["good", "indexed"],
  exact: ["good", "exact search"],
  empty: ["quiet", "empty"],
};

/** The state of a collection's indexes as a badge. */
export function IndexBadge({ state }: { readonly state: IndexState }) {
  const [tone, text] = LABELS[state];
  return <Badge tone={tone}>{text}</Badge>;
}
