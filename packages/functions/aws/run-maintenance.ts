import type { Context } from "aws-lambda";
import { openService } from "./service.ts";

/** Milliseconds before the function's time limit at which a build is interrupted. */
const RESERVE_MS = 30_000;

/** Runs the scheduled maintenance. */
export async function runMaintenance(_event: unknown, context: Pick<Context, "getRemainingTimeInMillis">) {
  const { runSchedule } = await import("../schedule.ts"); // index builds are loaded with the first event
  return runSchedule(await openService(), context.getRemainingTimeInMillis() - RESERVE_MS);
}
