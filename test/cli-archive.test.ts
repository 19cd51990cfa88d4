import { existsSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { useCairnCli } from "./support/cairn-cli.ts";

const cli = useCairnCli();
const path = (name: string) => join(cli.folder, name);

beforeAll(async () => {
  await cli.run(["db", "migrate"]);
  await cli.run(["tenants", "create", "acme"]);
  await writeFile(path("hours.txt"), "We are open from nine to five.");
  expect((await cli.run(["ingest", "--tenant", "acme", "hours.txt"])).code).toBe(0);
  expect((await cli.run(["export", "--tenant", "acme"])).code).toBe(0);
});

test("a tenant becomes a file that only its owner reads, and the file a tenant", async () => {
  expect((await stat(path("acme.cairn.gz"))).mode & 0o777).toBe(0o600);
  const { out, code } = await cli.run(["import", "acme.cairn.gz", "--tenant", "copy"]);
  expect(code).toBe(0);
  expect(out).toMatch(/knowledge {2}1 document in 1 passage, sha256 [0-9a-f]{16}, identical\nImported tenant copy\./);
  expect((await cli.json("query", "--tenant", "copy", "open")).hits[0].content).toBe("We are open from nine to five.");
});

test("an export does not overwrite a file", async () => {
  const before = await readFile(path("acme.cairn.gz"));
  const { code, err } = await cli.run(["export", "--tenant", "acme"]);
  expect(code).toBe(2);
  expect(err).toContain("acme.cairn.gz exists");
  expect(await readFile(path("acme.cairn.gz"))).toEqual(before);
});

test.each([
  [["export", "--tenant", "acme", "none/acme.gz"], "none/acme.gz cannot be written: there is no such file or folder"],
  [["import", "."], "cannot be imported: it is a folder"],
])("%j says what is wrong with the path", async (args, message) => {
  const { code, err } = await cli.run(args);
  expect(code).toBe(2);
  expect(err).toContain(message);
});

test("an export that fails leaves no file", async () => {
  const { code } = await cli.run(["export", "--tenant", "nobody", "nobody.gz"]);
  expect(code).toBe(1);
  expect(existsSync(path("nobody.gz")) || existsSync(path("nobody.gz.partial"))).toBe(false);
});

test.each([
  ["missing.gz", undefined, "there is no such file or folder"],
  ["text.gz", Buffer.from("not compressed"), "damaged, incomplete, or not an archive"],
  ["other.gz", gzipSync("{}\n"), "line 1 is not an archive of a tenant"],
])("%s is refused", async (name, content, message) => {
  if (content) await writeFile(path(name), content);
  const { code, err } = await cli.run(["import", name, "--tenant", "refused"]);
  expect(code).toBe(2);
  expect(err).toContain(message);
});

test("half of a file is refused, and another import of it is told how to go on", async () => {
  const whole = await readFile(path("acme.cairn.gz"));
  await writeFile(path("half.gz"), whole.subarray(0, whole.length - 20));
  expect((await cli.run(["import", "half.gz", "--tenant", "half"])).err).toMatch(/damaged, incomplete|ends early/);
  const completed = await cli.run(["import", "acme.cairn.gz", "--tenant", "half", "--continue"]);
  expect(completed.out).toContain("identical");
  expect((await cli.run(["import", "acme.cairn.gz", "--tenant", "half"])).err).toContain("--continue");
});

test("a database that holds something else than the file ends with 4", async () => {
  const lines = gunzipSync(await readFile(path("acme.cairn.gz"))).toString();
  await writeFile(path("changed.gz"), gzipSync(lines.replace(/"sha256":"./, '"sha256":"x')));
  const { code, out } = await cli.run(["import", "changed.gz", "--tenant", "changed"]);
  expect(code).toBe(4);
  expect(out).toContain("NOT identical to the file");
});

test("an import that is stopped says how to complete it", async () => {
  const [header = "", collection = "", passage = "", ...rest] = gunzipSync(await readFile(path("acme.cairn.gz")))
    .toString()
    .split("\n");
  const many = Array.from({ length: 40_000 }, (_, at) => passage.replace('"hours.txt"', `"hours ${at}"`));
  await writeFile(path("many.gz"), gzipSync([header, collection, ...many, ...rest].join("\n")));
  const { code, err } = await cli.run(["import", "many.gz", "--tenant", "stopped"], { stopAt: /documents/ });
  expect(code).toBe(130);
  expect(err).toContain("stopped. To complete it, run the same command with --continue.");
});
