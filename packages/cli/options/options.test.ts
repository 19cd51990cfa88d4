import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";

const CLI = new URL("../", import.meta.url);

async function sourcesIn(
  folder: string,
): Promise<readonly { readonly file: string; readonly source: string }[]> {
  const files = (await readdir(new URL(folder, CLI))).filter((file) => /(?<!\.test)\.ts$/.test(file));
  return Promise.all(
    files.map(async (file) => ({ file, source: await readFile(new URL(`${folder}${file}`, CLI), "utf8") })),
  );
}

test("only the Chroma commands use Chroma's options", async () => {
  const users = (await sourcesIn("commands/")).filter(({ source }) => source.includes("chroma-options.ts"));
  expect(users.map(({ file }) => file).sort()).toEqual(["cloud.ts", "dry-run.ts", "migrate.ts", "verify.ts"]);
});

test("the other options import nothing from packages/chroma", async () => {
  const importing = (await sourcesIn("options/")).filter(({ source }) => source.includes("chroma/"));
  expect(importing.map(({ file }) => file)).toEqual(["chroma-options.ts"]);
});
