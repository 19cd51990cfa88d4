import { parseMapping } from "@cairn/chroma/plan/mapping.ts";
import type { PlanOptions } from "@cairn/chroma/plan/options.ts";
import { isReportPath } from "@cairn/chroma/report/write.ts";
import type { ChromaOptions } from "@cairn/chroma/source/options.ts";
import type { SourceScope } from "@cairn/chroma/source/source.ts";
import { AppError } from "@cairn/core/error.ts";
import { type Command, InvalidArgumentError, Option } from "commander";
import { readFlagFile } from "./filter-options.ts";

/** What is taken from where to where, as commander gives it. */
export interface PlanFlags {
  readonly chromaTenant?: readonly string[];
  readonly chromaDatabase?: readonly string[];
  readonly pattern?: readonly string[];
  readonly tenant?: string;
  readonly map?: string;
  readonly only?: readonly string[];
  readonly sourceModel?: string;
  readonly pageSize: number;
  readonly queries: number;
  readonly report: string;
}

/** Options that `migrate` and `verify` share. */
export interface ChromaFlags extends PlanFlags {
  readonly chroma: string;
  readonly token?: string;
  readonly basic?: string;
  readonly header?: readonly string[];
  readonly timeout: number;
  readonly concurrency: number;
}

const collect = (value: string, previous: readonly string[] = []) => [...previous, value];

/** A whole number of `least` or more, for commander. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(
        `It must be a whole number of ${least} or more${most < Number.MAX_SAFE_INTEGER ? `, at most ${most}` : ""}.`,
      );
    return value;
  };
}

export function addChromaOptions(command: Command): Command {
  command
    .addOption(
      new Option("--chroma <url>", "address of the Chroma server, path prefix included")
        .env("CHROMA_URL")
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--token <token>", "sent as Authorization: Bearer and as X-Chroma-Token").env(
        "CHROMA_TOKEN",
      ),
    )
    .addOption(new Option("--basic <user:password>", "HTTP basic authentication").env("CHROMA_BASIC"))
    .option("--header <'Name: value'>", "a further header (can be repeated)", collect)
    .option("--timeout <seconds>", "for one request to Chroma", wholeNumber(1), 60)
    .option("--concurrency <n>", "requests to Chroma at once", wholeNumber(1, 64), 2);
  return addPlanOptions(command);
}

/** What is taken, where it goes, and what proves it. */
export function addPlanOptions(command: Command): Command {
  return command
    .option(
      "--chroma-tenant <name>",
      "Chroma's tenant; it cannot list them, so name each (can be repeated)",
      collect,
    )
    .option("--chroma-database <name>", "only this database of it (can be repeated; default: all)", collect)
    .option(
      "--pattern <pattern>",
      "how collection names tell tenant and collection (can be repeated; default: tenant_{tenant}_{collection})",
      collect,
    )
    .option("--tenant <name>", "the tenant where a pattern has no {tenant}")
    .option(
      "--map <file>",
      'JSON that says where collections go: {"faq": {"tenant": "acme", "collection": "faq"}, "scratch": null}',
    )
    .option(
      "--only <glob>",
      "only source collections of this name; * for anything (can be repeated)",
      collect,
    )
    .option("--source-model <provider/model>", "model of Chroma's vectors, where Chroma does not know it")
    .option(
      "--page-size <n>",
      "records a request; Chroma Cloud gives 300 at most",
      wholeNumber(1, 10_000),
      300,
    )
    .option("--queries <n>", "searches to compare; 0: none", wholeNumber(0, 10_000), 50)
    .option(
      "--report <file>",
      "where the report goes: .html (and .json beside it), or .json alone",
      reportPath,
      "report.html",
    );
}

function reportPath(path: string): string {
  if (!isReportPath(path)) throw new InvalidArgumentError("It must end in .html or .json.");
  return path;
}

export function sourceOptions({ chroma, token, basic, header = [], timeout }: ChromaFlags): ChromaOptions {
  return {
    url: chroma,
    token,
    basic,
    headers: Object.fromEntries(header.map(parseHeader)),
    timeout: timeout * 1000,
  };
}

export function scopeOptions({ chromaTenant, chromaDatabase }: PlanFlags): SourceScope {
  return { tenants: chromaTenant, databases: chromaDatabase };
}

export async function planOptions({
  pattern,
  tenant,
  map,
  only,
  sourceModel,
}: PlanFlags): Promise<PlanOptions> {
  return {
    patterns: pattern,
    tenant,
    only,
    sourceModel,
    mapping: map === undefined ? undefined : parseMapping(await readFlagFile(map, "--map")),
  };
}

function parseHeader(text: string): readonly [string, string] {
  const match = /^([\w-]+):\s*(.*)$/.exec(text);
  if (!match?.[1])
    throw new AppError("invalid_input", "A header is written 'Name: value'.", { path: "--header" });
  return [match[1], match[2] ?? ""];
}
