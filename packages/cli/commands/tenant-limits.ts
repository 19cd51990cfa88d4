import { changeTenant, getTenant, type TenantLimits } from "@cairn/core/tenant/tenant.ts";
import { type Command, InvalidArgumentError, Option } from "commander";
import { withServices } from "../open.ts";
import { integerBetween } from "../options/integer.ts";
import { paragraph, printJson } from "../terminal/print.ts";

const DESCRIPTION = `
Show or set the limits of a tenant that differ from those of the service. Quotas on rows (passages) and bytes are enforced by every
write of the tenant; a migration is counted, but not refused. "none" removes a limit. Keys that are in use see a new limit of requests or
tokens within a minute, and a quota at once.`;

const OPTIONS = [
  ["rows", "storedRows", "passages that the tenant may store", 0],
  ["bytes", "storedBytes", "bytes that its rows may take, without indexes", 0],
  ["requests", "requestsPerMinute", "requests per minute", 1],
  ["tokens", "embeddingTokensPerDay", "embedding tokens per UTC day", 0],
] as const satisfies readonly (readonly [string, keyof TenantLimits, string, number])[];

type LimitFlags = Readonly<Record<string, number | "none" | undefined>>;

export function addTenantLimits(tenants: Command): void {
  const command = tenants
    .command("limits <name-or-id>")
    .summary("Show or set the limits and quotas of a tenant")
    .description(paragraph(DESCRIPTION));
  for (const [name, , description, min] of OPTIONS)
    command.addOption(new Option(`--${name} <n>`, `${description}; "none": no limit`).argParser(limitFrom(min)));
  command.action((name: string, flags: LimitFlags, command: Command) =>
    withServices(command, async ({ database }, { json }) => {
      const tenant = await getTenant(database, name);
      const limits = changeLimits(tenant.limits, flags);
      const changed = Object.keys(flags).length === 0 ? tenant : await changeTenant(database, tenant.id, { limits });
      if (json) return printJson(changed.limits);
      for (const [option, key, description] of OPTIONS)
        console.log(`${option.padEnd(8)}  ${describeLimit(changed.limits[key])}  (${description})`);
    }),
  );
}

function describeLimit(limit: number | undefined): string {
  return limit === undefined ? "not set" : limit.toLocaleString("en");
}

function limitFrom(min: number) {
  const parse = integerBetween(min);
  return (text: string): number | "none" => {
    if (text === "none") return text;
    try {
      return parse(text);
    } catch (error) {
      throw error instanceof InvalidArgumentError
        ? new InvalidArgumentError(`It must be an integer of at least ${min}, or none.`)
        : error;
    }
  };
}

function changeLimits(limits: TenantLimits, flags: LimitFlags): TenantLimits {
  const changes = OPTIONS.flatMap(([option, key]) => (flags[option] === undefined ? [] : [[key, flags[option]]]));
  const all = { ...limits, ...Object.fromEntries(changes) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== "none"));
}
