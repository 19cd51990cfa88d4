import { openSource } from "@cairn/chroma/source/http-source.ts";
import { verify } from "@cairn/chroma/verify/verify.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { paragraph } from "../terminal/print.ts";
import { addChromaOptions, type ChromaFlags, sourceOptions } from "./options.ts";
import { runWithReport } from "./run.ts";

const HELP = `
Compare every record of a Chroma server with Postgres, in both directions: ids, texts, metadata, URIs and vectors. Search
results are compared with Chroma's results and with exact search. Only the report is written, so the command can be run at any
time. Set --pattern, --map and --only as for the migration.`;

export function addVerify(program: Command, context: CommandContext): void {
  addChromaOptions(
    program
      .command("verify")
      .summary("Compare a Chroma server with Postgres without changing either")
      .description(paragraph(HELP)),
  ).action(async (flags: ChromaFlags, command: Command) => {
    const source = await openSource(sourceOptions(flags));
    await runWithReport(flags, command, { context, source, run: verify });
  });
}
