import { AppError } from "@cairn/core/error.ts";
import type { ApiKeyOptions } from "@cairn/core/tenant/api-key.ts";
import type { Scope } from "@cairn/core/tenant/scope.ts";
import type { Command } from "commander";
import { integerBetween } from "./integer.ts";

/** Flags of a new key. */
export interface KeyFlags {
  readonly name?: string;
  readonly scopes?: string;
  readonly days?: number;
}

/** Adds the options of `KeyFlags`. `possible`: the scopes that the key can have. */
export function addKeyOptions(command: Command, possible: readonly Scope[]): Command {
  return command
    .option("--name <name>", "name of the key, for display")
    .option("--scopes <list>", `scopes (${possible.join(", ")}), separated by commas (default: read,write)`)
    .option("--days <n>", "days until the key expires (default: never)", integerBetween(1, 36_500));
}

/** The options of a new key. Throws `invalid_input` for a scope that it cannot have. */
export function keyOptions({ name, scopes, days }: KeyFlags, possible: readonly Scope[]): ApiKeyOptions {
  const expiresAt = days === undefined ? undefined : new Date(Date.now() + days * 86_400_000);
  return { name, scopes: parseScopes(scopes, possible), expiresAt };
}

function parseScopes(list: string | undefined, possible: readonly Scope[]): readonly Scope[] | undefined {
  const scopes = list?.split(",").map((scope) => scope.trim());
  const unknown = scopes?.find((scope) => !possible.some((valid) => valid === scope));
  if (unknown !== undefined)
    throw new AppError(
      "invalid_input",
      `There is no scope ${JSON.stringify(unknown)}. The scopes are ${possible.join(", ")}.`,
      { path: "--scopes" },
    );
  return scopes as readonly Scope[] | undefined;
}
