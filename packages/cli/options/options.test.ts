import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";

const CLI = new URL("../", import.meta.url);

test("nothing but extensions.ts and the demo of a move imports the Chroma commands or packages/chroma", async () => {
  const files = (await readdir(CLI, { recursive: true })).filter(
    (file) => /(?<!\.test)\.ts$/.test(file) && !file.startsWith("chroma/") && !file.includes("node_modules"),
  );
  expect(files.length).toBeGreaterThan(30);
  const importing = [];
  for (const file of files)
    if (/(?:from|import\() ?"[^"]*chroma\/[^"]*"/.test(await readFile(new URL(file, CLI), "utf8")))
      importing.push(file);
  expect(importing.sort()).toEqual(["demo/gateway.ts", "demo/move-tenant.ts", "extensions.ts"]);
});
