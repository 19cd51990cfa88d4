import type { MappingProposal } from "@cairn/chroma/proposal/propose.ts";
import { proposeForSource } from "@cairn/chroma/proposal/source.ts";
import type { Source } from "@cairn/chroma/source/source.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Command } from "commander";
import { commandLine } from "../terminal/command-line.ts";
import { confirm } from "../terminal/confirm.ts";
import { count } from "../terminal/counts.ts";
import { printTable } from "../terminal/print.ts";
import { type MappingFile, writeMappingFile } from "./mapping-file.ts";
import { type ChromaFlags, planOptions } from "./options.ts";

/** Rows of the proposal that are printed. The file has all of them. */
const MAX_PRINTED = 20;

/** A mapping that was written to a file and that nobody has confirmed. */
export interface ProposedMapping {
  readonly file: string;
  /** The command that migrates with it. */
  readonly command: string;
}

/** Writes a mapping for the collections that the default pattern leaves unmapped, and prints it. Undefined: none is needed. */
export async function proposeMappingFile(
  source: Source,
  flags: ChromaFlags,
  command: Command,
): Promise<ProposedMapping | undefined> {
  const proposal = await proposeForSource(source, await planOptions(flags));
  if (!proposal) return undefined;
  const file = await writeMappingFile(proposal.mapping);
  if (!command.optsWithGlobals().json) printProposal(proposal, file);
  const next = commandLine(command, { omit: ["--dry-run"], added: ["--map", file.path] });
  return { file: file.path, command: next };
}

/**
 * Asks on the terminal whether to continue with a proposed mapping. Throws `invalid_input` with the command to continue if
 * the answer is no, and without a question in a script: if standard input or output is no terminal, with `--json`, or in CI.
 */
export async function confirmMapping({ file, command: next }: ProposedMapping, command: Command): Promise<void> {
  const isScript = !process.stdout.isTTY || command.optsWithGlobals().json || Boolean(process.env.CI);
  if (!isScript && (await confirm("Continue with this mapping?"))) {
    console.error(`Set --map ${file} for later runs, too, and for cairn verify.`);
    return;
  }
  throw new AppError(
    "invalid_input",
    `Collections cannot be migrated: no pattern matches their names. Nothing was migrated. The mapping in ${file} is a proposal. Check it, edit it if necessary, and continue:\n  ${next}`,
    { path: "--map" },
  );
}

function printProposal({ mapping, reasons }: MappingProposal, { path, kept }: MappingFile): void {
  const entries = Object.entries(mapping);
  console.log(
    `${count(entries.length, "collection name")} ${entries.length === 1 ? "does" : "do"} not match the default pattern. Proposed mapping:\n`,
  );
  printTable(
    entries
      .slice(0, MAX_PRINTED)
      .map(([collection, target]) => ({ collection, tenant: target?.tenant ?? "", target: target?.collection ?? "" })),
  );
  if (entries.length > MAX_PRINTED) console.log(`… and ${entries.length - MAX_PRINTED} more, in the file.`);
  console.log(`\n${reasons.join("\n")}\nWritten to ${path}.`);
  for (const file of kept) console.log(`${file} has another mapping and was kept. To use it: --map ${file}`);
}
