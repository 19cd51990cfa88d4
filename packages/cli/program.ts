import { VERSION } from "@cairn/core/version.ts";
import { Command, Option } from "commander";
import type { CommandContext } from "./command-context.ts";
import { addCloud } from "./commands/cloud.ts";
import { addCollections } from "./commands/collections.ts";
import { addDatabase } from "./commands/database.ts";
import { addDelete } from "./commands/delete.ts";
import { addDocuments } from "./commands/documents.ts";
import { addExplain } from "./commands/explain.ts";
import { addIngest } from "./commands/ingest.ts";
import { addKeys } from "./commands/keys.ts";
import { addMcp } from "./commands/mcp.ts";
import { addMigrate } from "./commands/migrate.ts";
import { addQuery } from "./commands/query.ts";
import { addReindex } from "./commands/reindex.ts";
import { addServe } from "./commands/serve.ts";
import { addStats } from "./commands/stats.ts";
import { addTenants } from "./commands/tenants.ts";
import { addVerify } from "./commands/verify.ts";

const EXAMPLES = `
Move from Chroma:
  $ cairn migrate --chroma http://localhost:8000 --dry-run     what is there and what will happen
  $ cairn migrate --chroma http://localhost:8000               copy, compare everything, write report.html
  $ cairn verify --chroma http://localhost:8000                compare again, at any time; writes nothing

Or as a batch in AWS, once it is deployed (docs/deploy.md):
  $ cairn cloud migrate                                        start it, watch it, write report.html

Use it:
  $ cairn tenants create acme
  $ cairn ingest --tenant acme handbook.md faq.jsonl
  $ cairn query --tenant acme "What is our return policy?"

Serve it:
  $ cairn serve                                                the API at http://127.0.0.1:8787, its reference at /docs
  $ cairn keys create --tenant acme --scopes read              a key for an application

Exit codes: 0 done, and identical where two sides were compared; 3 done with exceptions, which are listed;
4 not identical; 5 another run holds the source; 2 wrong use; 1 failure;
130 stopped by Ctrl-C.`;

/** The command line: every verb with its options, the environment variables behind them, and examples. */
export function createProgram(context: CommandContext): Command {
  const program = new Command("cairn")
    .description(
      "A multi-tenant knowledge base on Postgres + pgvector, and the way there from ChromaDB with proof that nothing was lost.",
    )
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError("(see cairn --help)")
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", EXAMPLES);
  for (const option of sharedOptions()) program.addOption(option);
  const commands = [
    addMigrate,
    addVerify,
    addCloud,
    addQuery,
    addExplain,
    addIngest,
    addDelete,
    addTenants,
    addCollections,
    addDocuments,
    addStats,
    addServe,
    addKeys,
    addMcp,
    addReindex,
    addDatabase,
  ];
  for (const add of commands) add(program, context);
  return program;
}

function sharedOptions(): readonly Option[] {
  return [
    new Option("--database-url <url>", "PostgreSQL server; unset: the embedded database").env("DATABASE_URL"),
    new Option("--database-direct-url <url>", "the same without a pooler, for building indexes").env(
      "DATABASE_DIRECT_URL",
    ),
    new Option("--directory <path>", "folder of the embedded database")
      .env("CAIRN_DIRECTORY")
      .default(".cairn"),
    new Option("--openai-api-key <key>", "for texts to be embedded (better in the environment)").env(
      "OPENAI_API_KEY",
    ),
    new Option("--openai-base-url <url>", "another OpenAI-compatible server").env("OPENAI_BASE_URL"),
    new Option("--embedding-model <provider/model>", "model of new collections").env("CAIRN_EMBEDDING_MODEL"),
    new Option("--embedding-dimensions <n>", "its dimensions").env("CAIRN_EMBEDDING_DIMENSIONS"),
    new Option("--embedding-max-inputs <n>", "texts of a request to its server (default: 2048)").env(
      "CAIRN_EMBEDDING_MAX_INPUTS",
    ),
    new Option("--embedding-max-tokens <n>", "tokens of a text that it reads (default: 8192)").env(
      "CAIRN_EMBEDDING_MAX_TOKENS",
    ),
    new Option("--local-url <url>", "OpenAI-compatible server for local/… models: Ollama, TEI, vLLM").env(
      "CAIRN_LOCAL_URL",
    ),
    new Option("--local-models <path>", "folder of local/… models for @huggingface/transformers").env(
      "CAIRN_LOCAL_MODELS",
    ),
    new Option("--url <url>", "a service to ask instead of a database: query and ingest").env("CAIRN_URL"),
    new Option("--key <key>", "the key for it (better in the environment)").env("CAIRN_KEY"),
    new Option("--json", "print JSON, for scripts"),
  ];
}
