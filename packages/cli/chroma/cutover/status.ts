import type { Condition } from "@cairn/chroma/gateway/cutover/conditions.ts";
import { type CutoverSummary, listStatus } from "@cairn/chroma/gateway/cutover/list.ts";
import { type CutoverStatus, readStatus } from "@cairn/chroma/gateway/cutover/status.ts";
import type { Command } from "commander";
import { withServices } from "../../open.ts";
import { followUp } from "../../terminal/command-line.ts";
import { count } from "../../terminal/counts.ts";
import { printJson, printTable, visible } from "../../terminal/print.ts";
import { describeCompared, describeJournal, describeShare, toRow } from "./describe.ts";
import {
  addLimitOptions,
  addTenantOptions,
  type LimitFlags,
  limitsOf,
  type TenantFlags,
  typedLimits,
} from "./options.ts";

/** Adds `cairn cutover status`. */
export function addStatus(cutover: Command): void {
  const status = cutover
    .command("status", { isDefault: true })
    .description("Show the phase of all tenants, or the conditions of one tenant's next phase");
  addLimitOptions(addTenantOptions(status, "all tenants that have left Chroma at some time (default)")).action(
    (flags: TenantFlags & LimitFlags, command: Command) =>
      withServices(command, async ({ database }, { json }) => {
        const { tenant } = flags;
        if (tenant === undefined || flags.all) return printAll(await listStatus(database), command, json);
        const found = await readStatus(database, tenant, limitsOf(flags));
        if (json) return printJson(found ?? inChroma(tenant));
        if (found) printStatus(found, command, flags);
        else printInChroma(tenant, command);
      }),
  );
}

function printAll(all: readonly CutoverSummary[], command: Command, json: boolean): void {
  if (json) printJson(all);
  else printTable(all.map(toRow));
  if (all.length === 0 && !json)
    console.log(
      `Every tenant is in the phase chroma. Next: ${followUp(command, ["cutover", "advance", "--tenant", "NAME"])}`,
    );
}

/** The status of a tenant that Cairn does not have. */
function inChroma(tenant: string) {
  return {
    tenant: { id: null, name: tenant },
    phase: "chroma",
    since: null,
    next: { phase: "mirror", conditions: [] },
  };
}

function printInChroma(tenant: string, command: Command): void {
  console.log(
    `Cairn does not have the tenant ${JSON.stringify(tenant)}, so it is in the phase chroma: Chroma answers.`,
  );
  console.log(`\nNext: ${followUp(command, ["cutover", "advance", "--tenant", tenant])}`);
}

/** Prints a tenant's state, the conditions of its next phase, and the next command. */
function printStatus(status: CutoverStatus, command: Command, flags: LimitFlags): void {
  const { tenant, phase, since, settings, journal, compared, findings, reads, next } = status;
  console.log(`${visible(tenant.name)} (${tenant.id})`);
  const { strict = false, sample } = settings;
  const open = Object.entries(findings).map(([kind, number]) => `${number} ${kind}`);
  printLines([
    ["phase", `${phase}${since ? ` since ${since.toISOString()}` : ""}: ${MEANINGS[phase]}`],
    ["journal", describeJournal(journal)],
    ["compared", describeCompared(compared)],
    ["findings", open.join(", ") || "none"],
    ["reads", describeReads(reads)],
    ["settings", `strict ${strict ? "on" : "off"}, sample ${sample ?? "default"}`],
  ]);
  if (next) printNext(status, next, { command, flags });
  else console.log("\nThe tenant is in the last phase.");
}

interface NextOptions {
  readonly command: Command;
  readonly flags: LimitFlags;
}

function printNext(
  { tenant }: CutoverStatus,
  next: NonNullable<CutoverStatus["next"]>,
  { command, flags }: NextOptions,
): void {
  console.log(`\nThe next phase, ${next.phase}, requires:`);
  for (const condition of next.conditions) console.log(`  ${describeCondition(condition)}`);
  const isMet = next.conditions.every(({ met }) => met);
  const options = [
    ...(next.phase === "done" ? ["--to", "done"] : []),
    ...typedLimits(flags),
    ...(isMet ? [] : ["--wait"]),
  ];
  const words = ["cutover", "advance", "--tenant", tenant.name, ...options];
  console.log(`\nNext: ${followUp(command, words)}`);
}

const MEANINGS = {
  chroma: "Chroma answers",
  mirror: "Chroma answers, Cairn follows",
  shadow: "Chroma answers, Cairn follows, and reads are compared",
  cairn: "Cairn answers, Chroma follows",
  done: "Cairn answers",
} as const;

function describeReads({ compared, agreement, differed, missed, excluded, failed, dropped }: CutoverStatus["reads"]) {
  const others = Object.entries({ differed, "missed by Chroma's index": missed, excluded, failed, dropped });
  const parts = others.flatMap(([name, number]) => (number > 0 ? [`${number} ${name}`] : []));
  const share = agreement === null ? "" : `, ${describeShare(agreement)} agree`;
  return [`${count(compared, "read")} compared${share}`, ...parts].join("; ");
}

/** A condition with what holds or is missing. */
export function describeCondition({ name, met, detail }: Condition): string {
  return `${met ? "✓" : "✗"} ${name.padEnd(16)} ${visible(detail, 500)}`;
}

function printLines(lines: readonly (readonly [string, string])[]): void {
  for (const [name, text] of lines) console.log(`  ${name.padEnd(9)} ${visible(text, 500)}`);
}
