import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { lockDirectory } from "@cairn/core/database/directory-lock.ts";
import { connectPglite } from "@cairn/core/database/pglite.ts";
import { listTenants } from "@cairn/core/tenant/tenant.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { serverUrl } from "./support/database.ts";

const CLI = fileURLToPath(import.meta.resolve("@cairn/cli/bin/cairn.mjs"));
const LOCK = JSON.stringify(import.meta.resolve("@cairn/core/database/directory-lock.ts"));
const PGLITE = JSON.stringify(import.meta.resolve("@cairn/core/database/pglite.ts"));

/** Opens the database in a folder, prints `opened`, and keeps it open until it is killed. */
const OPEN_SCRIPT = `
  import { readFile } from "node:fs/promises";
  const { connectPglite } = await import(${PGLITE});
  const [, , directory, template] = process.argv;
  await connectPglite({ directory, template: new Blob([await readFile(template)]) });
  console.log("opened");
  setInterval(() => {}, 1000);`;

/** Acquires the lock as soon as possible, checks that no other process has it, and dies without releasing it. */
const RACE_SCRIPT = `
  import { closeSync, openSync, rmSync } from "node:fs";
  import { setTimeout as sleep } from "node:timers/promises";
  const { lockDirectory } = await import(${LOCK});
  const [, , directory] = process.argv;
  const inside = directory + "/inside";
  console.log("ready");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  for (;;) {
    try {
      await lockDirectory(directory);
    } catch (error) {
      if (error.code !== "database_unavailable") throw error;
      await sleep(5 + Math.random() * 20); // the process with the lock needs the processor
      continue;
    }
    closeSync(openSync(inside, "wx")); // throws if another process also has the lock
    await sleep(2);
    rmSync(inside);
    process.kill(process.pid, "SIGKILL");
  }`;

let directory: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "cairn-lock-"));
});
afterEach(async () => {
  for (const child of children.splice(0))
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  await rm(directory, { recursive: true, force: true });
});

async function start(script: string, folder = directory): Promise<ChildProcess> {
  const path = join(directory, "script.mjs");
  await writeFile(path, script);
  const child = spawn(process.execPath, ["--no-warnings", path, folder, inject("pgliteTemplate") ?? ""], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  children.push(child);
  return child;
}

async function line(child: ChildProcess): Promise<string> {
  for await (const text of createInterface({ input: child.stdout as NodeJS.ReadableStream })) return text;
  throw new Error("The child process exited without output.");
}

async function listTenantsIn(folder: string): Promise<{ code: number; error: string }> {
  const child = spawn(process.execPath, [CLI, "tenants", "list", "--directory", folder], {
    env: { ...process.env, DATABASE_URL: "" },
  });
  children.push(child);
  let error = "";
  child.stderr?.on("data", (chunk) => {
    error += chunk;
  });
  const [code] = await once(child, "close");
  return { code, error };
}

describe.skipIf(serverUrl())("the embedded database's folder", () => {
  let home: string; // shared, because a new database takes seconds
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "cairn-lock-home-"));
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  test("a second process is refused with the pid, host and command of the first, and takes over when the first is killed", async () => {
    const owner = await start(OPEN_SCRIPT, home);
    expect(await line(owner)).toBe("opened");
    const refused = await listTenantsIn(home);
    expect(refused.code).toBe(1);
    expect(refused.error).toContain("database_unavailable");
    expect(refused.error).toContain(`process ${owner.pid} on ${hostname()}`);
    expect(refused.error).toContain("script.mjs");
    expect(refused.error).not.toMatch(/\n\s+at /);

    owner.kill("SIGKILL");
    await once(owner, "exit");
    expect(existsSync(join(home, "lock"))).toBe(true);
    expect(await listTenantsIn(home)).toMatchObject({ code: 0, error: "" });
    expect(existsSync(join(home, "lock"))).toBe(false);
  });

  test("a process cannot open its folder twice, and can open it again after close", async () => {
    const database = await connectPglite({ directory: home });
    await expect(connectPglite({ directory: home })).rejects.toMatchObject({
      code: "database_unavailable",
      message: expect.stringContaining(`process ${process.pid} on ${hostname()}`),
    });
    await database.close();
    expect((await readdir(home)).filter((name) => name.startsWith("lock"))).toEqual([]);
    const again = await connectPglite({ directory: home });
    expect(await listTenants(again)).toEqual([]);
    await again.close();
  });

  test("a database that cannot be opened releases its folder", async () => {
    const template = new Blob(["no dump of a database"]);
    await expect(connectPglite({ directory, template })).rejects.toThrow();
    expect(existsSync(join(directory, "lock"))).toBe(false);
  });
});

describe("lockDirectory()", () => {
  const lock = () => join(directory, "lock");
  const identity = { host: hostname(), command: "an older cairn", since: "2026-01-01T00:00:00.000Z" };

  test("six processes that race for a dead process's lock each acquire it, never two at once", async () => {
    await writeFile(lock(), JSON.stringify({ ...identity, pid: 2 ** 22 + 1, began: "1" }));
    const racers = await Promise.all(Array.from({ length: 6 }, () => start(RACE_SCRIPT)));
    const ends = racers.map(async (child) => {
      let error = "";
      child.stderr?.on("data", (chunk) => {
        error += chunk;
      });
      const [code, signal] = await once(child, "close");
      return { code, signal, error };
    });
    await Promise.all(racers.map(line));
    for (const { stdin } of racers) stdin?.write("go");
    for (const end of await Promise.all(ends)) expect(end).toEqual({ code: null, signal: "SIGKILL", error: "" });
  });

  test("takes over if the pid belongs to a later process", async () => {
    await writeFile(lock(), JSON.stringify({ ...identity, pid: process.ppid, began: "1" }));
    const unlock = await lockDirectory(directory);
    expect(JSON.parse(await readFile(lock(), "utf8"))).toMatchObject({ pid: process.pid });
    await unlock();
    expect(existsSync(lock())).toBe(false);
  });

  test("takes over from a process that died during a takeover", async () => {
    const dead = JSON.stringify({ ...identity, pid: 2 ** 22 + 1, began: "1" });
    for (const name of ["lock", "lock.takeover", "lock.takeover.takeover"])
      await writeFile(join(directory, name), dead);
    const unlock = await lockDirectory(directory);
    expect(await readdir(directory)).toEqual(["lock"]);
    await unlock();
  });

  test("never takes over from another host, because its process cannot be checked", async () => {
    const foreign = JSON.stringify({ ...identity, pid: 1, began: "1", host: "elsewhere" });
    await writeFile(lock(), foreign);
    await expect(lockDirectory(directory)).rejects.toMatchObject({
      code: "database_unavailable",
      message: expect.stringMatching(/process 1 on elsewhere \(an older cairn, since 2026-01-01/),
    });
    expect(await readFile(lock(), "utf8")).toBe(foreign);
    expect(await readdir(directory)).toEqual(["lock"]);
  });

  test("takes over a lock file that a crash left empty", async () => {
    await writeFile(lock(), "");
    const unlock = await lockDirectory(directory);
    await unlock();
    expect(await readdir(directory)).toEqual([]);
  });
});
