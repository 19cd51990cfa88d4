import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { sweep } from "@cairn/core/maintenance/sweep.ts";
import type { Context } from "aws-lambda";
import { openService } from "./service.ts";

/** Milliseconds before the function's own end by which a build is broken off: the next run goes on. */
const RESERVE = 30_000;

/** The schedule: indexes what has grown, and removes what has had its time. Of two at once one works. */
export async function handler(_event: unknown, context: Pick<Context, "getRemainingTimeInMillis">) {
  const { services } = await openService();
  const signal = AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - RESERVE));
  await sweep(services.database);
  const done = await maintainIndexes(services.database, { signal });
  return { ran: done !== undefined, steps: done?.done.length ?? 0 };
}
