import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";

test("the built client has types for each module, and every import in them exists", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cairn-client-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const build = fileURLToPath(new URL("build.ts", import.meta.url));
  await promisify(execFile)(process.execPath, [build, folder]);
  for (const name of ["client", "vector", "langchain", "ai-sdk"])
    for (const ending of ["js", "d.ts"])
      expect(existsSync(join(folder, "client", `${name}.${ending}`)), `${name}.${ending}`).toBe(true);
  for (const name of (await readdir(join(folder, "client"))).filter((file) => file.endsWith(".d.ts"))) {
    const types = await readFile(join(folder, "client", name), "utf8");
    for (const [, to = ""] of types.matchAll(/from "(\.[^"]+)\.js"/g))
      expect(existsSync(join(folder, "client", `${to}.d.ts`)), `${name}: ${to}`).toBe(true);
  }
}, 600_000);
