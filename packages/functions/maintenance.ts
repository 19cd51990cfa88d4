import type { Context } from "aws-lambda";
import { openService } from "./service.ts";

/** Milliseconds before the function's own end by which a build is broken off. */
const RESERVE = 30_000;

/** The schedule on AWS. */
export async function handler(_event: unknown, context: Pick<Context, "getRemainingTimeInMillis">) {
  const { runSchedule } = await import("./schedule.ts"); // the builds of indexes are loaded with the first event
  return runSchedule(await openService(), context.getRemainingTimeInMillis() - RESERVE);
}
