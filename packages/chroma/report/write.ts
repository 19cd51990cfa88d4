import { mkdir, writeFile } from "node:fs/promises";
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

/**
 * Writes `report.html` with `report.json` beside it, or `report.json` alone; makes the folders above. Throws
 * `invalid_input` for a path that ends otherwise.
 */
export async function writeReport(report: MigrationReport, path: string): Promise<WrittenReport> {
  const extension = extname(path);
  if (!/^\.(html?|json)$/i.test(extension)) {
    throw new AppError(
      "invalid_input",
      `A report is written to a path ending in .html or .json, not to ${path}`,
    );
  }
  await mkdir(dirname(path), { recursive: true });
  const json = extension.toLowerCase() === ".json" ? path : `${path.slice(0, -extension.length)}.json`;
  await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
  if (json === path) return { json, html: undefined };
  await writeFile(path, renderReport(report));
  return { json, html: path };
}
