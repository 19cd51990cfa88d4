import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exampleExceptions, exampleReport } from "../../../test/support/example-report.ts";
import { writeReport } from "./write.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-report-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test("writeReport() writes the page and the JSON next to it, and creates missing folders", async () => {
  const path = join(folder, "proof", "of today", "report.html");
  const written = await writeReport(exampleReport(), path);
  expect(written).toEqual({ html: path, json: join(folder, "proof", "of today", "report.json") });
  expect(await readFile(path, "utf8")).toMatch(/^<!doctype html>/);
});

test("the JSON is read back unchanged, including ids with NUL and a lone surrogate", async () => {
  const report = exampleReport({
    exceptions: [...exampleExceptions("c"), { collection: "c", id: "\ud800", reason: "unreadable", detail: "" }],
  });
  const { json } = await writeReport(report, join(folder, "report.json"));
  expect(JSON.parse(await readFile(json, "utf8"))).toEqual(report);
  expect(await readdir(folder)).toEqual(["report.json"]);
});

test("a path with another extension is refused before anything is written", async () => {
  await expect(writeReport(exampleReport(), join(folder, "new", "report.pdf"))).rejects.toMatchObject({
    code: "invalid_input",
  });
  expect(await readdir(folder)).toEqual([]);
});
