import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { advance, back } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { type CutoverStatus, readStatus } from "@cairn/chroma/gateway/cutover/status.ts";
import { renderCutoverReport } from "@cairn/chroma/gateway/report/html.ts";
import { readCutoverReport } from "@cairn/chroma/gateway/report/read.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import { countOf, formatShare } from "@cairn/core/report/format.ts";
import type { Config } from "../config.ts";
import { CHROMA_TIMEOUT_MS, openDemoGateway } from "./gateway.ts";
import { startApplication } from "./same-application.ts";

export interface Move {
  readonly config: Config;
  readonly chromaUrl: string;
  /** UUID of the tenant. */
  readonly tenant: string;
  /** Its collection in Chroma. */
  readonly collection: string;
  /** File of the report. */
  readonly report: string;
}

/** The conditions of the demo. A write from before the move has ended after the gateway's time limit and a fifth of a second. */
const LIMITS = { settleMs: CHROMA_TIMEOUT_MS + 200, minReads: 50 };

/** Milliseconds in a phase without a condition, so that requests meet it. */
const STAY_MS = 1_000;

/** Milliseconds until the conditions of a phase have to hold. A busy machine takes longer than usual. */
const PHASE_TIMEOUT_MS = 120_000;

/**
 * Moves a tenant to Cairn and back while an application writes and searches, and prints each phase. Returns whether no request
 * failed and both sides have the same records.
 */
export async function moveTenant({ config, chromaUrl, tenant, collection, report }: Move): Promise<boolean> {
  const gateway = await openDemoGateway(config, chromaUrl);
  const { database } = gateway;
  console.log(`   An application writes and searches at the gateway, ${gateway.url}`);
  const application = startApplication({ url: gateway.url, token: gateway.key }, collection);
  try {
    const identical = await changePhases(database, tenant);
    const { writes, queries, failed, missing, longestWriteMs } = await application.stop();
    console.log(
      `   ${countOf(writes, "write")} and ${countOf(queries, "search", "searches")}, ${countOf(failed, "failed request")}; the longest pause of a write was ${Math.round(longestWriteMs)} ms`,
    );
    await writeFile(report, renderCutoverReport(await readCutoverReport(database, { hours: 1 })));
    console.log(`   The report of the move: ${report}`);
    return identical && failed === 0 && missing === 0;
  } finally {
    application.kill();
    await gateway.close();
  }
}

/** Returns whether both sides had the same records after the way back. */
async function changePhases(database: Database, tenant: string): Promise<boolean> {
  const stay = createStopwatch();
  await sleep(STAY_MS);
  await advance(database, tenant);
  stay("chroma", "Chroma answers");
  const { compared } = await enterNext(database, tenant);
  stay("mirror", `Chroma answers and Cairn follows: ${equality(compared)}`);
  const { reads } = await enterNext(database, tenant);
  stay(
    "shadow",
    `${countOf(reads.compared, "search", "searches")} sent to both: ${formatShare(reads.agreement ?? 0)} agree`,
  );
  await sleep(STAY_MS);
  await back(database, tenant);
  stay("cairn", "Cairn answers and Chroma follows");
  const returned = await waitFor(database, tenant, (status) => status.compared?.identical === true);
  await back(database, tenant, { to: "chroma" });
  stay("shadow", `Chroma answers again: ${equality(returned.compared)}`);
  return returned.compared?.identical === true;
}

function equality(compared: CutoverStatus["compared"]): string {
  return compared?.identical ? `all ${countOf(compared.records, "record")} are equal` : "the records differ";
}

/** Enters the next phase as soon as its conditions hold. Returns the status before. */
async function enterNext(database: Database, tenant: string): Promise<CutoverStatus> {
  for (const deadline = performance.now() + PHASE_TIMEOUT_MS; ; await sleep(100)) {
    const status = (await readStatus(database, tenant)) as CutoverStatus;
    try {
      await advance(database, tenant, { limits: LIMITS });
      return status;
    } catch (error) {
      const isTooEarly = error instanceof AppError && ["invalid_input", "run_held"].includes(error.code);
      if (!isTooEarly || performance.now() > deadline) throw error;
    }
  }
}

async function waitFor(
  database: Database,
  tenant: string,
  isReached: (status: CutoverStatus) => boolean,
): Promise<CutoverStatus> {
  for (const deadline = performance.now() + PHASE_TIMEOUT_MS; ; await sleep(100)) {
    const status = (await readStatus(database, tenant)) as CutoverStatus;
    if (isReached(status) || performance.now() > deadline) return status;
  }
}

/** Returns a function that prints a phase with the time since the last one. */
function createStopwatch(): (phase: string, what: string) => void {
  let startedAt = performance.now();
  return (phase, what) => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`   ${phase.padEnd(6)} ${seconds.padStart(5)} s  ${what}`);
    startedAt = performance.now();
  };
}
