import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { useCairnCli } from "./support/cairn-cli.ts";
import { serverUrl } from "./support/database.ts";

// A folder that is ingested again: what changed is written, what is gone is deleted, and the rest stays as it is.

const cli = useCairnCli();
beforeAll(async () => {
  if (serverUrl()) await cli.run(["db", "migrate"]);
  await cli.run(["tenants", "create", "acme"]);
});

const file = (path: string) => join(cli.folder, path);

async function createFolder(name: string): Promise<string> {
  await mkdir(file(`${name}/more`), { recursive: true });
  await cli.run(["collections", "create", "--tenant", "acme", name, "--model", "offline/words", "--dimensions", "64"]);
  for (const [path, content] of [
    ["a.md", "---\ntopic: hours\nn: 9007199254740993\n---\n# Hours\n\nNine to five."],
    ["b.txt", "Kettles."],
    ["more/c.csv", "id,content\nc1,Teapots.\n,Cups."],
    ["broken.pdf", "no PDF"],
  ] as const)
    await writeFile(file(`${name}/${path}`), content);
  return name;
}

async function ingest(folder: string, ...flags: readonly string[]) {
  const run = await cli.run(["ingest", "--tenant", "acme", "--collection", folder, "--json", folder, ...flags]);
  return { code: run.code, error: run.err, output: run.out === "" ? undefined : JSON.parse(run.out) };
}

async function stored(folder: string): Promise<Record<string, string>> {
  const { out } = await cli.run(["documents", "list", "--tenant", "acme", "--collection", folder, "--json"]);
  const { documents } = JSON.parse(out) as { documents: { id: string; content: string }[] };
  return Object.fromEntries(documents.map(({ id, content }) => [id, content]));
}

test("a second run writes only what changed, and --sync deletes the documents whose files are gone", async () => {
  const folder = await createFolder("site");
  const first = await ingest(folder, "--sync");
  expect(first).toMatchObject({
    code: 3,
    output: { unchanged: 0, deleted: 0, refused: [{ file: "site/broken.pdf" }] },
  });
  expect(first.output.ids).toEqual(["site/a.md", "site/b.txt", "c1", "site/more/c.csv#3"]);
  expect((await ingest(folder)).output).toMatchObject({ ids: [], unchanged: 4 });

  await writeFile(file("site/b.txt"), "Kettles and lids.");
  await writeFile(file("site/new.md"), "New.");
  await rm(file("site/a.md"));
  const before = await stored(folder);
  const planned = await ingest(folder, "--sync", "--dry-run");
  expect(planned.output).toMatchObject({ new: 1, changed: 1, unchanged: 2, deleted: ["site/a.md"] });
  expect(await stored(folder)).toEqual(before);

  expect((await ingest(folder)).output).not.toHaveProperty("deleted");
  expect(Object.keys(await stored(folder))).toContain("site/a.md");
  expect((await ingest(folder, "--sync")).output).toMatchObject({ ids: [], unchanged: 4, deleted: 1 });
  expect(await stored(folder)).toEqual({
    "site/b.txt": "Kettles and lids.",
    "site/new.md": "New.",
    c1: "Teapots.",
    "site/more/c.csv#3": "Cups.",
  });
});

test("--sync leaves other folders, documents of files that cannot be read, and documents without a file", async () => {
  const folder = await createFolder("kept");
  await mkdir(file("kept-too"));
  await writeFile(file("kept-too/x.txt"), "X");
  const base = ["ingest", "--tenant", "acme", "--collection", folder];
  await cli.run([...base, "kept-too"]);
  await cli.run([...base, "--id", "opening"], { input: "Nine." });
  await ingest(folder);
  await writeFile(file("kept/b.txt"), Buffer.from([0xff, 0xfe, 0x00]));
  expect((await ingest(folder, "--sync")).output).toMatchObject({ ids: [], unchanged: 3, deleted: 0 });
  expect(Object.keys(await stored(folder)).sort()).toEqual(
    ["c1", "kept-too/x.txt", "kept/a.md", "kept/b.txt", "kept/more/c.csv#3", "opening"].sort(),
  );
});

test("--sync leaves documents of files that exist and that a folder's listing leaves out", async () => {
  const folder = await createFolder("linked");
  await rm(file("linked/broken.pdf"));
  await mkdir(file("elsewhere"));
  await writeFile(file("elsewhere/real.md"), "Real.");
  await writeFile(file("linked/.hidden.md"), "Hidden.");
  await writeFile(file("linked/notes.log"), "Notes.");
  await symlink(file("elsewhere/real.md"), file("linked/link.md"));
  const explicit = ["linked/.hidden.md", "linked/notes.log", "linked/link.md"];
  await cli.run(["ingest", "--tenant", "acme", "--collection", folder, ...explicit]);
  expect((await ingest(folder, "--sync")).output).toMatchObject({ deleted: 0 });
  await rm(file("linked/notes.log"));
  expect((await ingest(folder, "--sync")).output).toMatchObject({ deleted: 1 });
  expect(Object.keys(await stored(folder))).toEqual(expect.arrayContaining(["linked/.hidden.md", "linked/link.md"]));
});

test("--sync changes nothing if a file that cannot be read may have any id, or if most of a folder is gone", async () => {
  const folder = await createFolder("damaged");
  await rm(file("damaged/broken.pdf"));
  await ingest(folder);
  await writeFile(file("damaged/more/c.csv"), 'id,content\nc1,"open');
  const damaged = await ingest(folder, "--sync");
  expect(damaged.code).toBe(2);
  expect(JSON.stringify(damaged)).toContain("--sync cannot know the documents of a file that cannot be read");
  await rm(file("damaged/more/c.csv"));
  await rm(file("damaged/a.md"));
  await rm(file("damaged/b.txt"));
  await writeFile(file("damaged/new.txt"), "Another project.");
  const other = await ingest(folder, "--sync");
  expect(JSON.stringify(other)).toContain("3 of the 3 documents of damaged/ are gone, more than half");
  expect(await stored(folder)).toHaveProperty(["damaged/a.md"]);
  expect(await stored(folder)).not.toHaveProperty(["damaged/new.txt"]);
  expect((await ingest(folder, "--sync", "--max-deletes", "3")).output).toMatchObject({ deleted: 3 });
});

test("--sync changes nothing if more documents are gone than --max-deletes", async () => {
  const folder = await createFolder("budget");
  await ingest(folder);
  await rm(file("budget/a.md"));
  await rm(file("budget/more"), { recursive: true });
  await writeFile(file("budget/b.txt"), "Changed.");
  const refused = await ingest(folder, "--sync", "--max-deletes", "1");
  expect(refused.code).toBe(2);
  expect(JSON.stringify(refused.output) + refused.error).toContain(
    "the files of 2 documents are gone, more than --max-deletes 1",
  );
  expect((await stored(folder))["budget/b.txt"]).toBe("Kettles.");
  expect((await ingest(folder, "--sync", "--max-deletes", "2")).output).toMatchObject({ deleted: 2 });
});

test("a change of the size of passages is a change", async () => {
  const folder = await createFolder("sizes");
  await writeFile(file("sizes/long.md"), `# A\n\n${"A sentence about kettles. ".repeat(60)}\n\n## B\n\nMore.`);
  await ingest(folder);
  expect((await ingest(folder)).output).toMatchObject({ unchanged: 5 });
  expect((await ingest(folder, "--max-tokens", "50")).output).toMatchObject({ ids: ["sizes/long.md"], unchanged: 4 });
});

test.each([
  [["--sync", "-"], /--sync needs a folder/],
  [["--sync", "."], /--sync needs a folder/],
  [["--sync", "../"], /--sync needs a folder/],
  [["--sync", "--url", "http://127.0.0.1:9", "--key", "k", "x"], /--sync needs the database/],
])("ingest %j is refused", async (flags, message) => {
  await mkdir(file("x"), { recursive: true });
  await writeFile(file("x/y.txt"), "y");
  const run = await cli.run(["ingest", "--tenant", "acme", ...flags], { input: "text" });
  expect(run.code).toBe(2);
  expect(run.err).toMatch(message);
});
