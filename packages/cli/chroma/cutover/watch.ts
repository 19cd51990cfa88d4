import { setTimeout as sleep } from "node:timers/promises";
import { type CutoverSummary, listStatus } from "@cairn/chroma/gateway/cutover/list.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import { isTransient } from "@cairn/core/error.ts";
import type { Command } from "commander";
import type { CommandContext } from "../../command-context.ts";
import { EXIT } from "../../exit.ts";
import { withServices } from "../../open.ts";
import { printTable, visible } from "../../terminal/print.ts";
import { toRow } from "./describe.ts";
import { addTenantOptions, type TenantFlags } from "./options.ts";

/** Milliseconds between two looks. */
const PAUSE_MS = 1_000;

/** Adds `cairn cutover watch`. */
export function addWatch(cutover: Command, context: CommandContext): void {
  const command = cutover
    .command("watch")
    .description(
      "Show the status every second until Ctrl-C; without a terminal or with --json, a line for each tenant that has changed",
    );
  addTenantOptions(command, "all tenants that have left Chroma at some time (default)").action(
    ({ tenant, all }: TenantFlags, self: Command) =>
      withServices(self, async ({ database }, { json }) => {
        const isShown = (one: CutoverSummary) =>
          all || tenant === undefined || one.tenant.name === tenant || one.tenant.id === tenant;
        const show = json ? createJsonPrinter() : process.stdout.isTTY ? redraw : createLinePrinter();
        while (!context.signal.aborted) {
          const shown = await listStatus(database).catch(untilItAnswers);
          if (shown) show(shown.filter(isShown));
          await sleep(PAUSE_MS, undefined, { signal: context.signal }).catch(() => {});
        }
        context.finish(EXIT.stopped);
      }),
  );
}

/** A database that does not answer now may do so later. */
function untilItAnswers(error: unknown): undefined {
  if (!isTransient(error)) throw error;
  console.error(`${new Date().toISOString()}  ${error.message}`);
}

/** Clears the screen and prints the table. */
function redraw(all: readonly CutoverSummary[]): void {
  process.stdout.write("\u001b[H\u001b[2J");
  console.log(`${new Date().toISOString().slice(0, 19).replace("T", " ")} UTC. Ctrl-C ends.\n`);
  if (all.length === 0) console.log("Every tenant is in the phase chroma.");
  else printTable(all.map(toRow));
}

/** Prints a line for each tenant that has changed. The age of the journal alone is no change. */
function createLinePrinter(): (all: readonly CutoverSummary[]) => void {
  return createChangePrinter((summary) => {
    const { tenant, phase, journal, compared, reads, agreement, findings } = toRow(summary);
    const parts = [
      `journal ${journal}`,
      `compared ${compared}`,
      `${reads} reads${agreement && ` (${agreement} agree)`}`,
      `${findings} findings`,
    ];
    console.log(`${new Date().toISOString()}  ${visible(tenant)}  ${phase}  ${parts.join("; ")}`);
  });
}

/** Prints JSON lines. */
function createJsonPrinter(): (all: readonly CutoverSummary[]) => void {
  return createChangePrinter((summary) => console.log(stringifyJson(summary)));
}

function createChangePrinter(print: (summary: CutoverSummary) => void): (all: readonly CutoverSummary[]) => void {
  const printed = new Map<string, string>();
  return (all) => {
    for (const summary of all) {
      const state = JSON.stringify({ ...summary, journal: { ...summary.journal, oldestSeconds: null } });
      if (printed.get(summary.tenant.id) !== state) print(summary);
      printed.set(summary.tenant.id, state);
    }
  };
}
