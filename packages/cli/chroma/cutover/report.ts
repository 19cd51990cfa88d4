import { writeFile } from "node:fs/promises";
import { readStatus } from "@cairn/chroma/gateway/cutover/status.ts";
import { renderCutoverReport } from "@cairn/chroma/gateway/report/html.ts";
import { readCutoverReport } from "@cairn/chroma/gateway/report/read.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Command } from "commander";
import { withServices } from "../../open.ts";
import { integerBetween } from "../../options/integer.ts";
import { count } from "../../terminal/counts.ts";
import { printJson } from "../../terminal/print.ts";
import { addTenantOptions, type TenantFlags } from "./options.ts";

interface ReportFlags extends TenantFlags {
  readonly out: string;
  readonly hours: number;
}

/** Adds `cairn cutover report`. */
export function addReport(cutover: Command): void {
  const command = cutover
    .command("report")
    .description("Write the state of the cut-over as a page; it has ids and no texts");
  addTenantOptions(command, "all tenants that have left Chroma at some time (default)")
    .option("--out <file>", "file of the page", "cutover.html")
    .option("--hours <n>", "hours until now of which requests are counted", integerBetween(1, 2_160), 24)
    .action((flags: ReportFlags, self: Command) =>
      withServices(self, async ({ database }, { json }) => {
        const { out, hours } = flags;
        const report = await readCutoverReport(database, { hours, tenantIds: await tenantIdsOf(database, flags) });
        await writePage(out, renderCutoverReport(report));
        if (json) printJson({ ...report, file: out });
        else console.log(`The report of ${count(report.tenants.length, "tenant")} is in ${out}.`);
      }),
    );
}

async function tenantIdsOf(database: Database, { tenant, all }: TenantFlags): Promise<readonly string[] | undefined> {
  if (tenant === undefined || all) return undefined;
  const status = await readStatus(database, tenant);
  if (status?.since) return [status.tenant.id];
  throw new AppError(
    "not_found",
    `The tenant ${JSON.stringify(tenant)} has not left Chroma, so there is nothing to report.`,
  );
}

async function writePage(path: string, page: string): Promise<void> {
  try {
    await writeFile(path, page);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new AppError(
      "invalid_input",
      `The report cannot be written to ${path} (${code}). Set another file with --out.`,
      {
        path: "--out",
        cause: error,
      },
    );
  }
}
