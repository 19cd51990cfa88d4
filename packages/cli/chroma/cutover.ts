import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { paragraph } from "../terminal/print.ts";
import { addAdvance } from "./cutover/advance.ts";
import { addBack } from "./cutover/back.ts";
import { addCompare } from "./cutover/compare.ts";
import { addReport } from "./cutover/report.ts";
import { addSettings } from "./cutover/settings.ts";
import { addStatus } from "./cutover/status.ts";
import { addWatch } from "./cutover/watch.ts";

const HELP = `
Move tenants from Chroma to Cairn and back while both serve (docs/cutover.md). The application talks to a gateway, cairn serve
with the address of Chroma, and each tenant has a phase: chroma, mirror, shadow, cairn, done. The phase says which side
answers and which one follows. A phase is entered only when its conditions hold.`;

/** Adds `cairn cutover`. */
export function addCutover(program: Command, context: CommandContext): void {
  const cutover = program
    .command("cutover")
    .summary("Move tenants from Chroma to Cairn and back while both serve")
    .description(paragraph(HELP));
  addStatus(cutover);
  addAdvance(cutover, context);
  addBack(cutover, context);
  addCompare(cutover, context);
  addSettings(cutover, context);
  addWatch(cutover, context);
  addReport(cutover);
}
