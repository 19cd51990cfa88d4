import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { MUTATIONS, type Mutation } from "./mutations.ts";

const PROJECT = fileURLToPath(new URL("../../../", import.meta.url));

/** What a copy of the project needs to run its tests. */
const COPIED = ["packages", "test", "migrations", "publish", "package.json", "vitest.config.ts", "tsconfig.json"];

/**
 * `npm run chaos -- cutover --mutations`: removes each protection in a copy of the project, and runs the tests that have to notice it.
 * Returns the exit code: 1 if one is not noticed.
 */
export async function runMutations(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "cairn-mutations-"));
  let missed = 0;
  try {
    await copyProject(folder);
    for (const mutation of MUTATIONS) {
      const failed = await runMutation(folder, mutation);
      console.log(
        `${failed.length > 0 ? "noticed" : "NOT NOTICED"}: ${mutation.name}${failed.map((name) => `\n  fails: ${name}`).join("")}`,
      );
      if (failed.length === 0) missed++;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  console.log(`${MUTATIONS.length} protections removed, ${MUTATIONS.length - missed} noticed.`);
  return missed === 0 ? 0 : 1;
}

/** Copies the sources. The packages of others are linked, and those of the project lead to the copy. */
async function copyProject(folder: string): Promise<void> {
  for (const name of COPIED)
    await cp(join(PROJECT, name), join(folder, name), {
      recursive: true,
      filter: (path) => !path.endsWith("node_modules"),
    });
  const modules = join(folder, "node_modules");
  await mkdir(modules);
  for (const name of await readdir(join(PROJECT, "node_modules")))
    if (name !== "@cairn") await symlink(join(PROJECT, "node_modules", name), join(modules, name));
  await cp(join(PROJECT, "node_modules/@cairn"), join(modules, "@cairn"), { recursive: true, verbatimSymlinks: true });
}

/** The names of the tests that fail with the mutation. */
async function runMutation(folder: string, { name, patches, test }: Mutation): Promise<readonly string[]> {
  for (const { file, from, to } of patches) {
    const source = await readFile(join(folder, file), "utf8");
    if (source.split(from).length !== 2)
      throw new Error(`The mutation "${name}" does not fit ${file}: it has to contain once: ${from}`);
    await writeFile(
      join(folder, file),
      source.replace(from, () => to),
    );
  }
  const output = join(folder, "report.json");
  const options = ["--bail=1", "--testTimeout=60000", "--reporter=json", `--outputFile.json=${output}`];
  const args = ["node_modules/vitest/vitest.mjs", "run", test, ...options];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  const [errors] = await Promise.all([text(child.stderr), once(child, "close")]);
  for (const { file } of patches) await cp(join(PROJECT, file), join(folder, file));
  const report = JSON.parse(await readFile(output, "utf8")) as Report;
  await rm(output);
  const results = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  if (results.length === 0) throw new Error(`With the mutation "${name}" no test ran: ${errors}`);
  return results.filter(({ status }) => status === "failed").map(({ title }) => title);
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly title: string }[];
  }[];
}
