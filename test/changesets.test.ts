import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeManifest } from "../publish/manifest.ts";

// The release of the published package, in a copy of the repository.

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

let copy: string;
beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), "cairn-release-"));
  const { stdout } = await run(
    "git",
    ["ls-files", "-z", "package.json", "package-lock.json", "packages/*/package.json", "publish", ".changeset"],
    { cwd: ROOT },
  );
  for (const file of stdout.split("\0").filter((path) => path !== "")) await cp(join(ROOT, file), join(copy, file));
  await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
  await writeFile(join(copy, ".gitignore"), "node_modules\n");
  await writeFile(join(copy, ".changeset/example.md"), '---\n"cairndb": minor\n---\n\nAn example.\n');
  await git("init", "--quiet", "--initial-branch", "main");
  await git("add", ".");
  await git("-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "--quiet", "--message", "Example");
});
afterAll(() => rm(copy, { recursive: true, force: true }));

const git = async (...args: readonly string[]) => (await run("git", args, { cwd: copy })).stdout;
const changeset = async (command: string) =>
  (await run(join(ROOT, "node_modules/.bin/changeset"), [command], { cwd: copy })).stdout;
const readJson = async (path: string) => JSON.parse(await readFile(path, "utf8"));

test("the tarball has the version of publish/package.json", async () => {
  const { version } = await readJson(join(ROOT, "publish/package.json"));
  expect(makeManifest()).toMatchObject({ name: "cairndb", version });
  expect(makeManifest()).not.toHaveProperty("private");
});

test("a changeset bumps cairndb and no other package, and becomes an entry of its changelog", async () => {
  const { version } = await readJson(join(copy, "publish/package.json"));
  const [major, minor] = version.split(".").map(Number);
  expect(await changeset("status")).toMatch(/minor\n.*cairndb/);
  await changeset("version");
  expect(await readJson(join(copy, "publish/package.json"))).toMatchObject({ version: `${major}.${minor + 1}.0` });
  expect(await readFile(join(copy, "publish/CHANGELOG.md"), "utf8")).toMatch(/^# cairndb\n.*An example\./s);
  const changed = (await git("status", "--porcelain")).split("\n").map((line) => line.slice(3));
  expect(changed.filter((file) => file !== "" && !file.startsWith(".changeset/")).sort()).toEqual([
    "publish/CHANGELOG.md",
    "publish/package.json",
  ]);
});
