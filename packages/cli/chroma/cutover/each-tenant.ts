import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@cairn/core/error.ts";
import type { Command } from "commander";
import { visible } from "../../terminal/print.ts";
import { inCommandTerms } from "../../terminal/wording.ts";

/** A tenant for which the command could not do its work. */
export interface FailedTenant {
  readonly tenant: string;
  readonly error: { readonly code: string; readonly message: string };
}

/** The results of all tenants. */
export interface TenantResults<T> {
  readonly done: readonly T[];
  readonly failed: readonly FailedTenant[];
}

interface EachOptions<T> {
  readonly command: Command;
  /** Undefined: the tenant is not ready, and is tried again a second later. */
  readonly work: (tenant: string) => Promise<T | undefined>;
  readonly signal: AbortSignal;
}

/** Milliseconds before tenants that are not ready are tried again. */
const PAUSE_MS = 1_000;

/** Does the work for each tenant and goes on with the others when it fails. Ends when every tenant is done or has failed. */
export async function eachTenant<T>(
  tenants: readonly string[],
  { command, work, signal }: EachOptions<T>,
): Promise<TenantResults<T>> {
  const done: T[] = [];
  const failed: FailedTenant[] = [];
  let waiting = tenants;
  for (;;) {
    const left: string[] = [];
    for (const tenant of waiting) {
      signal.throwIfAborted();
      try {
        const result = await work(tenant);
        if (result === undefined) left.push(tenant);
        else done.push(result);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        failed.push({ tenant, error: { code: error.code, message: inCommandTerms(error, command).message } });
      }
    }
    waiting = left;
    if (waiting.length === 0) return { done, failed };
    await sleep(PAUSE_MS, undefined, { signal });
  }
}

/** Prints the tenants that failed to standard error. */
export function printFailed(failed: readonly FailedTenant[]): void {
  for (const { tenant, error } of failed)
    console.error(`${visible(tenant)}: error (${error.code}): ${visible(error.message, 2_000)}`);
}
