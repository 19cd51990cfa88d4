import { access, constants, mkdir, writeFile } from "node:fs/promises";
import { dirname, extname } from "node:path";
import { AppError } from "@cairn/core/error.ts";
import { renderReport } from "./html.ts";
import type { MigrationReport } from "./report.ts";

/** Where a report was written. */
export interface WrittenReport {
  readonly json: string;
  /** Undefined where only JSON was asked for. */
  readonly html: string | undefined;
}

export function isReportPath(path: string): boolean {
  return /\.(html?|json)$/i.test(path);
}

/** Makes sure that a report can be written, before hours are spent on it. Throws `invalid_input`. */
export async function prepareReport(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new AppError(
      "invalid_input",
      `The report cannot be written to ${folder} (${code}). Name another place with --report.`,
      {
        path: "--report",
        cause: error,
      },
    );
  }
}

/**
 * Writes `report.html` with `report.json` beside it, or `report.json` alone; makes the folders above. Throws
 * `invalid_input` for a path that ends otherwise.
 */
export async function writeReport(report: MigrationReport, path: string): Promise<WrittenReport> {
  const extension = extname(path);
  if (!isReportPath(path))
    throw new AppError(
      "invalid_input",
      `A report is written to a path ending in .html or .json, not to ${path}`,
    );
  await prepareReport(path);
  const json = extension.toLowerCase() === ".json" ? path : `${path.slice(0, -extension.length)}.json`;
  await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
  if (json === path) return { json, html: undefined };
  await writeFile(path, renderReport(report));
  return { json, html: path };
}
