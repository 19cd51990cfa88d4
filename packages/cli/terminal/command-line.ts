import { longFlag, type Setting } from "@cairn/api/settings/setting.ts";
import { SETTINGS } from "@cairn/api/settings/table.ts";
import type { Command, Option } from "commander";
import { COMMAND } from "./command-name.ts";

/** Options whose values are not repeated. */
const SECRETS: ReadonlySet<string | undefined> = new Set([
  "--token",
  "--basic",
  "--header",
  ...Object.values<Setting>(SETTINGS).flatMap((setting) => (setting.secret ? [longFlag(setting)] : [])),
]);

/**
 * The command line of a command as its user can type it into a POSIX shell: with the options that were typed, without those
 * in `omit`, and with the value of a secret as its placeholder. `added` follows at the end.
 */
export function commandLine(
  command: Command,
  { omit = [], added = [] }: { readonly omit?: readonly string[]; readonly added?: readonly string[] },
): string {
  const words: string[] = [...added];
  const names: string[] = [];
  for (let owner: Command | null = command; owner; owner = owner.parent) {
    if (owner.parent) names.unshift(owner.name());
    for (const option of owner.options.toReversed())
      if (owner.getOptionValueSource(option.attributeName()) === "cli" && !omit.includes(option.long ?? ""))
        words.unshift(...typed(option, owner.getOptionValue(option.attributeName())));
  }
  return [COMMAND, ...[...names, ...words].map(quote)].join(" ");
}

/**
 * Another command that its user can type next, with the global options that were typed for this one. `words`: its name, its
 * arguments and options.
 */
export function followUp(command: Command, words: readonly string[]): string {
  let program = command;
  while (program.parent) program = program.parent;
  const globals = program.options
    .filter((option) => option.long !== "--json" && program.getOptionValueSource(option.attributeName()) === "cli")
    .flatMap((option) => typed(option, program.getOptionValue(option.attributeName())));
  return [COMMAND, ...[...words, ...globals].map(quote)].join(" ");
}

function typed(option: Option, value: unknown): readonly string[] {
  const flag = option.long ?? "";
  if (value === true) return [flag];
  const values = Array.isArray(value) ? value : [value];
  return values.flatMap((one) => [flag, SECRETS.has(flag) ? placeholder(option) : withoutLogin(String(one))]);
}

function placeholder({ flags }: Option): string {
  return /<.*>/.exec(flags)?.[0] ?? "…";
}

/** A URL without the user and the password that it contains. Other texts are unchanged. */
function withoutLogin(text: string): string {
  return text.replace(/^(\w+:\/\/)[^/]*@/, "$1…@");
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
