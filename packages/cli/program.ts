import { SETTINGS } from "@cairn/api/settings/table.ts";
import { VERSION } from "@cairn/core/version.ts";
import { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { addExport, addImport } from "./commands/archive.ts";
import { addCollections } from "./commands/collections.ts";
import { addDatabase } from "./commands/database.ts";
import { addDelete } from "./commands/delete.ts";
import { addDemo } from "./commands/demo.ts";
import { addDocuments } from "./commands/documents.ts";
import { addEvaluate } from "./commands/evaluate.ts";
import { addExplain } from "./commands/explain.ts";
import { addIngest } from "./commands/ingest.ts";
import { addKeys } from "./commands/keys.ts";
import { addMcp } from "./commands/mcp.ts";
import { addQuery } from "./commands/query.ts";
import { addReindex } from "./commands/reindex.ts";
import { addServe } from "./commands/serve.ts";
import { addStats } from "./commands/stats.ts";
import { addTenants } from "./commands/tenants.ts";
import { addUsage } from "./commands/usage.ts";
import { addQuestionSets } from "./evaluate/sets.ts";
import { EXTENSIONS } from "./extensions.ts";
import { settingOptions } from "./options/setting-option.ts";

const EXAMPLES = `
Move from Chroma:
  $ cairn migrate --chroma http://localhost:8000 --dry-run     show what is there and what will happen
  $ cairn migrate --chroma http://localhost:8000               copy, compare everything, write report.html
  $ cairn verify --chroma http://localhost:8000                compare again, at any time; write nothing

Move tenant by tenant while both serve, with cairn serve --chroma as the gateway (docs/cutover.md):
  $ cairn cutover advance --tenant acme --wait                 enter the next phase when its conditions hold
  $ cairn cutover status                                       where each tenant is

Migrate as a batch in AWS, after its deployment (docs/deploy.md):
  $ cairn cloud migrate                                        start it, show its progress, write report.html

Ingest and query:
  $ cairn tenants create acme
  $ cairn ingest --tenant acme handbook.md faq.jsonl
  $ cairn query --tenant acme "What is our return policy?"

Measure and compare answers:
  $ cairn evaluate --questions questions.jsonl --report evaluation.html
                                                               compare vector, keyword and hybrid search

Serve the API:
  $ cairn serve                                                serve http://127.0.0.1:8787, with its reference at /docs
  $ cairn keys create --tenant acme --scopes read              create a key for an application

Exit codes:
  0    success; after a comparison: identical
  1    failure; an evaluation below its limits
  2    wrong usage
  3    success with exceptions, which are listed
  4    not identical
  5    another run holds the source
  130  stopped by Ctrl-C or SIGTERM`;

/** Last line of the help of every command but `cairn` itself, which lists the global options. */
const GLOBAL_OPTIONS_HINT = "\nGlobal options, accepted by every command: cairn --help";

/** Creates the command line: every command with its options and their environment variables, and examples. */
export function createProgram(context: CommandContext): Command {
  const program = new Command("cairn")
    .description("Multi-tenant knowledge base on Postgres and pgvector, with a verified migration from ChromaDB.")
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError("(see cairn --help)")
    .addHelpText("after", EXAMPLES)
    .addHelpText("afterAll", ({ command }) => (command.parent ? GLOBAL_OPTIONS_HINT : ""));
  for (const option of settingOptions(SETTINGS, "cairn")) program.addOption(option);
  const commands = [
    ...EXTENSIONS.flatMap(({ commands }) => commands),
    addQuery,
    addExplain,
    addEvaluate,
    addQuestionSets,
    addIngest,
    addDelete,
    addDemo,
    addTenants,
    addCollections,
    addDocuments,
    addStats,
    addUsage,
    addExport,
    addImport,
    addServe,
    addKeys,
    addMcp,
    addReindex,
    addDatabase,
  ];
  for (const add of commands) add(program, context);
  return program;
}
