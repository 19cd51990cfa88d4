import { mkdir, readFile, writeFile } from "node:fs/promises";
import { renderPage } from "./page.ts";
import type { SavedSection, Section } from "./section.ts";
import { isMet } from "./target.ts";

const FOLDER = new URL("../results/", import.meta.url);

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
