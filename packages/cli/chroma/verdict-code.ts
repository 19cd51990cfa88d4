import type { Verdict } from "@cairn/chroma/report/report.ts";
import { EXIT } from "../exit.ts";

/** The exit code for the verdict of a migration or verification. */
export function verdictCode(verdict: Verdict): number {
  if (verdict === "identical") return EXIT.done;
  return verdict === "identical_with_exceptions" ? EXIT.exceptions : EXIT.notIdentical;
}
