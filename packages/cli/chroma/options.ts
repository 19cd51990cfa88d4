import type { PlanOptions } from "@cairn/chroma/plan/options.ts";
import { parseMapping } from "@cairn/chroma/protocol/mapping.ts";
import { isReportPath } from "@cairn/chroma/report/write.ts";
import type { ChromaOptions } from "@cairn/chroma/source/options.ts";
import { AppError } from "@cairn/core/error.ts";
import { type Command, InvalidArgumentError, Option } from "commander";
import { integerBetween } from "../options/integer.ts";
import { readFileArgument } from "../options/json-argument.ts";

/** Flags that give the names of collections to tenants. */
export interface TargetFlags {
  readonly pattern?: readonly string[];
  readonly tenant?: string;
  readonly map?: string;
}

/** Flags that say which collections are migrated, where they go and how the result is verified. */
export interface PlanFlags extends TargetFlags {
  readonly chromaTenant?: readonly string[];
  readonly chromaDatabase?: readonly string[];
  readonly only?: readonly string[];
  readonly sourceModel?: string;
  readonly pageSize: number;
  readonly queries: number;
  readonly report: string;
}

/** Address and credentials of a Chroma server. */
export interface ServerFlags {
  readonly chroma: string;
  readonly token?: string;
  readonly basic?: string;
  readonly header?: readonly string[];
  readonly timeout: number;
}

/** Flags that `migrate` and `verify` share. */
export interface ChromaFlags extends PlanFlags, ServerFlags {
  readonly concurrency: number;
}

/** Flags that say what a migration writes and deletes in the target. */
export interface WriteFlags {
  readonly reEmbed: "auto" | "always" | "never";
  readonly model?: string;
  readonly prune?: boolean;
  readonly discardChanges?: boolean;
}

const collect = (value: string, previous: readonly string[] = []) => [...previous, value];

export function addChromaOptions(command: Command): Command {
  const chroma = new Option("--chroma <url>", "address of the Chroma server, including a path prefix")
    .env("CHROMA_URL")
    .makeOptionMandatory();
  return addPlanOptions(
    addServerOptions(command.addOption(chroma)).option(
      "--concurrency <n>",
      "number of concurrent requests to Chroma",
      integerBetween(1, 64),
      2,
    ),
  );
}

/** Adds the options of `ServerFlags` except the address. */
export function addServerOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--token <token>", "token for Chroma, sent as Authorization: Bearer and as X-Chroma-Token").env(
        "CHROMA_TOKEN",
      ),
    )
    .addOption(new Option("--basic <user:password>", "credentials for HTTP basic authentication").env("CHROMA_BASIC"))
    .option("--header <'Name: value'>", "additional HTTP header (can be repeated)", collect)
    .option("--timeout <seconds>", "seconds until a request to Chroma times out", integerBetween(1), 60);
}

/** Adds the options of `TargetFlags`. */
export function addTargetOptions(command: Command): Command {
  return command
    .option(
      "--pattern <pattern>",
      "pattern that extracts tenant and collection from a name (can be repeated; default: tenant_{tenant}_{collection})",
      collect,
    )
    .option("--tenant <name>", "target tenant for patterns without {tenant}")
    .option(
      "--map <file>",
      'JSON file that maps collections to targets: {"faq": {"tenant": "acme", "collection": "faq"}, "scratch": null}',
    );
}

/** Adds the options that say which of Chroma's tenants and databases are read. */
export function addScopeOptions(command: Command): Command {
  return command
    .option(
      "--chroma-tenant <name>",
      "Chroma tenant; Chroma cannot list its tenants, so name each one (can be repeated)",
      collect,
    )
    .option("--chroma-database <name>", "Chroma database (can be repeated; default: all)", collect);
}

/** Adds the options of `PlanFlags`. */
export function addPlanOptions(command: Command): Command {
  return addTargetOptions(addScopeOptions(command))
    .option(
      "--only <glob>",
      "names of the source collections to include; * matches anything (can be repeated)",
      collect,
    )
    .option("--source-model <provider/model>", "model of Chroma's vectors, if Chroma does not know it")
    .option(
      "--page-size <n>",
      "records in one request (Chroma Cloud returns at most 300)",
      integerBetween(1, 10_000),
      300,
    )
    .option("--queries <n>", "number of searches to compare (0 disables)", integerBetween(0, 10_000), 50)
    .option(
      "--report <file>",
      "report file: .html (plus .json next to it), or .json only",
      parseReportPath,
      "report.html",
    );
}

/** Adds the options of `WriteFlags`. */
export function addWriteOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--re-embed <when>",
        "when to embed the texts again instead of copying vectors (auto: if the target has another model)",
      )
        .choices(["auto", "always", "never"])
        .default("auto"),
    )
    .option("--model <provider/model>", "model for --re-embed (default: the model of new collections)")
    .option("--prune", "delete records that a migration wrote and that Chroma no longer has")
    .option("--discard-changes", "undo what was added, edited or deleted in Cairn since the migration, and prune");
}

function parseReportPath(path: string): string {
  if (!isReportPath(path)) throw new InvalidArgumentError("It must end in .html or .json.");
  return path;
}

export function sourceOptions({ chroma, token, basic, header = [], timeout }: ServerFlags): ChromaOptions {
  const headers = Object.fromEntries(header.map(parseHeader));
  return { url: chroma, token, basic, headers, timeout: timeout * 1000 };
}

export async function planOptions(flags: PlanFlags): Promise<PlanOptions> {
  const { pattern, tenant, map, only, sourceModel, chromaTenant, chromaDatabase } = flags;
  return {
    patterns: pattern,
    tenant,
    only,
    sourceModel,
    scope: { tenants: chromaTenant, databases: chromaDatabase },
    mapping: map === undefined ? undefined : parseMapping(await readFileArgument(map, "--map")),
  };
}

function parseHeader(text: string): readonly [string, string] {
  const match = /^([\w-]+):\s*(.*)$/.exec(text);
  if (!match?.[1])
    throw new AppError("invalid_input", "--header must have the form 'Name: value'.", { path: "--header" });
  return [match[1], match[2] ?? ""];
}
