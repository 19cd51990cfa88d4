import { mkdir, readFile, writeFile } from "node:fs/promises";
import { renderPage } from "./page.ts";

/** A promise with its figure. In a quick run a figure beyond `floor` fails the run: half of what is normal, room for noise. */
export interface Target {
  readonly what: string;
  readonly value: number;
  readonly target: number;
  readonly better: "higher" | "lower";
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

/** Prints a section and keeps it beside those of earlier runs, of which the page shows the newest of each. */
export async function report(
  section: Section,
  about: { readonly size: number; readonly machine: string },
): Promise<void> {
  console.log(`\n${section.title}`);
  console.table(section.table);
  if (section.note) console.log(section.note);
  for (const target of section.targets ?? [])
    console.log(
      `  ${isMet(target) ? "met    " : "NOT MET"}  ${target.what}: ${target.value} (target ${target.better === "higher" ? "≥" : "≤"} ${target.target})`,
    );
  await mkdir(FOLDER, { recursive: true });
  const file = new URL("results.json", FOLDER);
  const earlier = JSON.parse(await readFile(file, "utf8").catch(() => "[]")) as SavedSection[];
  const saved = { ...section, ...about, at: new Date().toISOString() };
  const all = [...earlier.filter(({ title, size }) => title !== saved.title || size !== saved.size), saved];
  await writeFile(file, JSON.stringify(all, undefined, 1));
  await writeFile(new URL("index.html", FOLDER), renderPage(all));
}

/** The targets that a quick run may not miss by so much. */
export function belowFloor(targets: readonly Target[]): readonly Target[] {
  return targets.filter(
    ({ value, floor, better }) => floor !== undefined && !isMet({ value, target: floor, better }),
  );
}
