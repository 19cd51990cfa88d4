import type { TargetProblem } from "../protocol/target-path.ts";

/**
 * The problem of a collection without a target, and what to do about it. `label` names the collection, as an entry of the
 * mapping would.
 */
export function adviseTarget({ reason, problem }: TargetProblem, label: string): string {
  const key = JSON.stringify(label);
  const example = JSON.stringify({ [label]: { tenant: "…", collection: "…" } });
  const byMapping = `Name its target with --map (${example})`;
  if (reason !== "unmatched") return `${problem} ${byMapping}, or leave it out with ${key}: null in the mapping.`;
  return (
    `${problem} ${byMapping}, with another --pattern (--pattern '{collection}' --tenant NAME), ` +
    `or leave it out with --only or ${key}: null in the mapping.`
  );
}
