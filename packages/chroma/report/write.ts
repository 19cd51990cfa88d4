import { access, constants, mkdir, writeFile } from "node:fs/promises";
import { dirname, extname } from "node:path";
import { AppError } from "@cairn/core/error.ts";
import { renderReport } from "./html.ts";
import type { MigrationReport } from "./report.ts";

/** The paths of a written report. */
export interface WrittenReport {
  readonly json: string;
  /** Undefined if only JSON was requested. */
  readonly html: string | undefined;
}

/** Whether a path has an extension for reports. */
export function isReportPath(path: string): boolean {
  return /\.(html?|json)$/i.test(path);
}

/** Asserts that a report can be written, before a migration that may take hours. Throws `invalid_input`. */
export async function prepareReport(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new AppError(
      "invalid_input",
      `The report cannot be written to ${folder} (${code}). Set another path with --report.`,
      { path: "--report", cause: error },
    );
  }
}

/**
 * Writes `report.html` and `report.json` next to it, or only `report.json`. Creates missing folders. Throws `invalid_input`
 * for a path with another extension.
 */
export async function writeReport(report: MigrationReport, path: string): Promise<WrittenReport> {
  const extension = extname(path);
  if (!isReportPath(path))
    throw new AppError(
      "invalid_input",
      `The report cannot be written to ${path}. Use a path that ends in .html or .json.`,
    );
  await prepareReport(path);
  const json = extension.toLowerCase() === ".json" ? path : `${path.slice(0, -extension.length)}.json`;
  await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
  if (json === path) return { json, html: undefined };
  await writeFile(path, renderReport(report));
  return { json, html: path };
}
