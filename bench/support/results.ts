import { mkdir, readFile, writeFile } from "node:fs/promises";
import { renderPage } from "./page.ts";

/** A target with the measured value. */
export interface Target {
  readonly what: string;
  readonly value: number;
  readonly target: number;
  readonly better: "higher" | "lower";
  /** Usual value in a quick run, for ratios. A quick run fails if the value is less than half as good. */
  readonly usual?: number;
  /** Limit beyond which a quick run fails, instead of `usual`: for recall, and for figures that depend on the machine. */
  readonly floor?: number;
}

export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly (readonly [number, number])[];
  }[];
}

export interface Axis {
  readonly label: string;
  readonly log?: boolean;
}

export type Cell = string | number;

export interface Section {
  readonly bench: string;
  readonly title: string;
  readonly table: readonly Readonly<Record<string, Cell | undefined>>[];
  readonly targets?: readonly Target[];
  readonly plots?: readonly Plot[];
  readonly note?: string;
  /** Query plans, printed unchanged. */
  readonly profiles?: readonly { readonly title: string; readonly lines: readonly string[] }[];
}

export interface SavedSection extends Section {
  readonly size: number;
  readonly machine: string;
  readonly at: string;
}

const FOLDER = new URL("../results/", import.meta.url);

export function isMet({ value, target, better }: Pick<Target, "value" | "target" | "better">): boolean {
  return better === "higher" ? value >= target : value <= target;
}

/** Prints a section and saves it. The page shows the newest section of each title and size. */
export async function report(
  section: Section,
  { size, machine }: { readonly size: number; readonly machine: string },
): Promise<void> {
  console.log(`\n${section.title}`);
  console.table(section.table);
  if (section.note) console.log(section.note);
  for (const { title, lines } of section.profiles ?? []) console.log(`${title}\n  ${lines.join("\n  ")}`);
  for (const target of section.targets ?? [])
    console.log(
      `  ${isMet(target) ? "met    " : "NOT MET"}  ${target.what}: ${target.value} (target ${target.better === "higher" ? "≥" : "≤"} ${target.target})`,
    );
  await mkdir(FOLDER, { recursive: true });
  const file = new URL("results.json", FOLDER);
  const earlier = JSON.parse(await readFile(file, "utf8").catch(() => "[]")) as SavedSection[];
  const saved = { ...section, size, machine, at: new Date().toISOString() };
  const all = [...earlier.filter((other) => other.title !== section.title || other.size !== size), saved];
  await writeFile(file, JSON.stringify(all, undefined, 1));
  await writeFile(new URL("index.html", FOLDER), renderPage(all));
}

/** The targets that make a quick run fail. */
export function belowFloor(targets: readonly Target[]): readonly Target[] {
  return targets.filter((target) => {
    const floor = floorOf(target);
    return floor !== undefined && !isMet({ ...target, target: floor });
  });
}

/** The worst value with which a quick run passes. */
export function floorOf({ usual, floor, better }: Target): number | undefined {
  if (floor !== undefined || usual === undefined) return floor;
  return better === "higher" ? usual / 2 : usual * 2;
}
