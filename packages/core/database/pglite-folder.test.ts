import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectPglite } from "./pglite.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-folder-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("only the owner can access the folder of the embedded database", async () => {
  const directory = join(folder, "deep", ".cairn");
  const database = await connectPglite({ directory });
  await database.close();
  for (const created of [directory, join(folder, "deep")])
    expect(((await stat(created)).mode & 0o777).toString(8)).toBe("700");
});

test("the error for a folder that cannot be written names the folder and the remedy", async () => {
  await writeFile(join(folder, "file"), "");
  const directory = join(folder, "file", ".cairn");
  await expect(connectPglite({ directory })).rejects.toMatchObject({
    code: "database_unavailable",
    message: expect.stringContaining(directory),
    remedy: "choose_directory",
  });
});
