import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { useCairnCli } from "./support/cairn-cli.ts";
import { KNOWLEDGE } from "./support/evaluation.ts";

// Evaluation from the command line. The tests depend on their order.

const cli = useCairnCli();
const QUESTIONS = [
  { id: "1", question: "return a kettle within thirty days", relevant: { returns: 3, warranty: 1 } },
  { id: "2", question: "shipping takes two weeks", relevant: ["shipping"] },
  { id: "3", question: "<b>potters</b> that you hire", relevant: ["jobs"] },
];
const write = (name: string, lines: readonly (object | string)[]) =>
  writeFile(
    join(cli.folder, name),
    lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"),
  );

beforeAll(async () => {
  await write("questions.jsonl", QUESTIONS);
  await write("knowledge.jsonl", [
    ...KNOWLEDGE,
    { id: "markup", content: "<script>alert('potters')</script> potters that you hire", metadata: {} },
  ]);
  expect((await cli.run(["db", "migrate"])).code).toBe(0);
  await cli.run(["tenants", "create", "acme"]);
  expect((await cli.run(["ingest", "knowledge.jsonl"])).code).toBe(0);
  await cli.run(["collections", "create", "drafts"]);
  expect((await cli.run(["ingest", "knowledge.jsonl", "--collection", "drafts"])).code).toBe(0);
});

test("the three modes are compared in a table, and a report shows passages as text", async () => {
  const { code, out, err } = await cli.run([
    "evaluate",
    "--questions",
    "questions.jsonl",
    "--report",
    "out/report.html",
  ]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toMatch(
    /variant\s+nDCG@10\s+recall@10\s+MRR\s+hit rate\s+empty\s+p50 ms\s+p95 ms\s+tokens\s+nDCG to vector/,
  );
  expect(out).toMatch(/^hybrid .*(no difference shown|better by|worse by)/m);
  expect(out).toContain("3 questions in ");
  const page = await readFile(join(cli.folder, "out/report.html"), "utf8");
  expect(page).toContain("Questions won and lost");
  expect(page).not.toContain("<script>");
  expect(page).not.toContain("<b>potters");
});

test("a qrels file judges questions of a TSV file, and codes may count down", async () => {
  await write("queries.tsv", ["1\treturn a kettle within thirty days", "2\tshipping takes two weeks", "9\tnothing"]);
  await write("qrels.txt", ["1 0 returns 1", "1 0 jobs 5", "2 0 shipping 2"]);
  const args = ["evaluate", "--questions", "queries.tsv", "--qrels", "qrels.txt", "--qrels-worst", "5"];
  const { err } = await cli.run([...args, "--variant", "mode=keyword"]);
  expect(err).toContain("1 question left out, because no document is judged as relevant.");
  const result = await cli.json(...args, "--variant", "mode=keyword,collection=drafts,top_k=3");
  expect(result).toMatchObject({
    questions: 2,
    variants: [{ name: "drafts, keyword, top 3", collection: "drafts", totals: { hit: 1, mrr: 1 } }],
  });
});

test("the exit code is 1 if a variant fails a limit", async () => {
  const run = (...args: string[]) => cli.run(["evaluate", "--questions", "questions.jsonl", ...args]);
  expect((await run("--variant", "mode=keyword", "--min-ndcg", "0.1")).code).toBe(0);
  const low = await run("--variant", "mode=keyword", "--min-ndcg", "1.1");
  expect(low).toMatchObject({ code: 1, err: expect.stringMatching(/nDCG@10 of keyword is \d\.\d+, less than 1\.1\./) });
  const filtered = '{"name": "filtered", "mode": "keyword", "filter": {"topic": "company"}}';
  const variants = ["--variant", "name=all,mode=keyword", "--variant", filtered, "--baseline", "all"];
  expect((await run(...variants, "--max-drop", "1")).code).toBe(0);
  const dropped = await run(...variants, "--max-drop", "0.02");
  expect(dropped).toMatchObject({ code: 1, err: expect.stringContaining("of filtered is lower by") });
  expect(await run("--max-drop", "0.02")).toMatchObject({
    code: 2,
    err: expect.stringContaining("--max-drop needs --baseline"),
  });
});

test("a set is stored with its variants and schedule, run, listed and deleted", async () => {
  const saved = await cli.run([
    "evaluate",
    "--questions",
    "questions.jsonl",
    "--variant",
    "mode=keyword",
    "--save",
    "faq",
  ]);
  expect(saved).toMatchObject({ code: 0, out: expect.stringContaining("Stored as a run of the set faq.") });
  expect((await cli.json("evaluate", "--set", "faq")).variants).toMatchObject([{ name: "keyword" }]);
  const add = ["questions", "add", "nightly", "--questions", "questions.jsonl", "--every", "24"];
  expect(await cli.json(...add)).toMatchObject({ questions: 3, settings: { everyHours: 24 } });
  expect((await cli.run(["questions"])).out).toMatch(/nightly +3 +every 24 h/);
  expect((await cli.json("questions", "runs", "faq")).length).toBe(2);
  expect((await cli.run(["questions", "delete", "faq"])).out).toContain("Deleted the set faq and its runs.");
  expect((await cli.run(["evaluate", "--set", "faq"])).err).toContain('Question set "faq" does not exist.');
});

test("sets whose schedule is due are run once", async () => {
  const first = await cli.run(["questions", "due"]);
  expect(first).toMatchObject({ code: 0, out: expect.stringMatching(/acme +nightly +vector/) });
  expect((await cli.run(["questions", "due"])).out).toContain("No question set is due.");
  const [run] = await cli.json("questions", "runs", "nightly");
  expect(run).toMatchObject({ startedBy: "schedule" });
});

test("an error names the file, the line and the field, or the variant", async () => {
  await write("bad.jsonl", [QUESTIONS[0] as object, { id: "x", question: "q" }]);
  const bad = await cli.run(["evaluate", "--questions", "bad.jsonl"]);
  expect(bad).toMatchObject({ code: 2, err: expect.stringContaining("bad.jsonl, line 2: the field relevant must be") });
  const variant = await cli.run(["evaluate", "--questions", "questions.jsonl", "--variant", "mode=other"]);
  expect(variant).toMatchObject({
    code: 2,
    err: expect.stringContaining('--variant "mode=other" cannot be used: mode:'),
  });
});

test("a change of model is refused if the questions are answered worse, and states its cost before", async () => {
  const cost = await cli.json("reindex", "--model", "bundled/glove-50k", "--dry-run");
  expect(cost).toMatchObject({ passages: 6, tokens: expect.any(Number), seconds: expect.any(Number) });
  expect(cost.tokens).toBeGreaterThan(50);
  const swap = ["reindex", "--model", "bundled/glove-50k", "--evaluate", "nightly"];
  const refused = await cli.run([...swap, "--max-drop", "-1"]);
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("is kept as the draft") });
  expect((await cli.json("collections", "list"))[0].embeddingModel).not.toBe("bundled/glove-50k");
  const accepted = await cli.run([...swap, "--max-drop", "1"]);
  expect(accepted).toMatchObject({ code: 0, out: expect.stringContaining("now uses the model bundled/glove-50k") });
  expect(accepted.out).toMatch(/vector: nDCG \d\.\d+ → \d\.\d+/);
}, 120_000);
