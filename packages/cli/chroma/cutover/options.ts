import { CONDITION_DEFAULTS, type ConditionLimits } from "@cairn/chroma/gateway/cutover/conditions.ts";
import { AppError } from "@cairn/core/error.ts";
import { type Command, InvalidArgumentError, Option } from "commander";
import { integerBetween } from "../../options/integer.ts";

/** Which tenants a command is about. */
export interface TenantFlags {
  readonly tenant?: string;
  readonly all?: boolean;
}

/** Limits of conditions that differ from the defaults. */
export interface LimitFlags {
  readonly settle?: number;
  readonly minReads?: number;
  readonly minAgreement?: number;
}

/** Adds the options of `TenantFlags`. `all`: the description of `--all`. */
export function addTenantOptions(command: Command, all: string): Command {
  return command.addOption(new Option("--tenant <name-or-id>", "one tenant").env("CAIRN_TENANT")).option("--all", all);
}

/** The tenant that `--tenant` names. Undefined: `--all`. Throws `invalid_input` unless exactly one of them is given. */
export function chosenTenant({ tenant, all }: TenantFlags, command: Command): string | undefined {
  const isTyped = command.getOptionValueSource("tenant") === "cli";
  if (all && isTyped) throw new AppError("invalid_input", "--tenant cannot be used with --all. Omit one of them.");
  if (all) return undefined;
  if (tenant !== undefined) return tenant;
  throw new AppError("invalid_input", "Name the tenant with --tenant, or choose all of them with --all.", {
    path: "--tenant",
  });
}

/** Adds the options of `LimitFlags`. */
export function addLimitOptions(command: Command): Command {
  const { settleMs, minReads, minAgreement } = CONDITION_DEFAULTS;
  return command
    .option(
      "--settle <seconds>",
      `seconds until a write that was sent before the phase mirror has ended (default: ${settleMs / 1_000})`,
      integerBetween(0, 86_400),
    )
    .option("--min-reads <n>", `reads that have to be compared (default: ${minReads})`, integerBetween(0))
    .option(
      "--min-agreement <share>",
      `share of the compared reads that have to agree, 0 to 1 (default: ${minAgreement})`,
      parseShare,
    );
}

/** The limits that are set. */
export function limitsOf({ settle, minReads, minAgreement }: LimitFlags): Partial<ConditionLimits> {
  return {
    ...(settle === undefined ? {} : { settleMs: 1_000 * settle }),
    ...(minReads === undefined ? {} : { minReads }),
    ...(minAgreement === undefined ? {} : { minAgreement }),
  };
}

/** The options of `LimitFlags` as they were typed, for a command that is printed. */
export function typedLimits({ settle, minReads, minAgreement }: LimitFlags): readonly string[] {
  return [
    ...(settle === undefined ? [] : ["--settle", `${settle}`]),
    ...(minReads === undefined ? [] : ["--min-reads", `${minReads}`]),
    ...(minAgreement === undefined ? [] : ["--min-agreement", `${minAgreement}`]),
  ];
}

/** Parses a share from 0 to 1. */
export function parseShare(text: string): number {
  const share = Number(text);
  if (text.trim() === "" || !(share >= 0 && share <= 1))
    throw new InvalidArgumentError("It must be a number from 0 to 1.");
  return share;
}
