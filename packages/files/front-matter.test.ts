import { expect, test } from "vitest";
import { readFrontMatter } from "./front-matter.ts";

test.each([
  [
    "---\ntitle: Returns\ntags: [a, b]\nprice: 1.5\nlive: true\ndate: 2026-11-30\n---\n# Text\n",
    "# Text\n",
    { title: "Returns", tags: ["a", "b"], price: 1.5, live: true, date: "2026-11-30" },
  ],
  ["\ufeff---\r\ntitle: A\r\n---\r\ntext", "text", { title: "A" }],
  ["---\na: 1\n...\ntext", "text", { a: 1 }],
  ["---\na: 9007199254740993\n---\n", "", { a: 9007199254740993n }],
  ["---\na: 1\n---", "", { a: 1 }],
])("%j has front matter", (text, content, metadata) => {
  expect(readFrontMatter(text)).toEqual({ content, metadata });
});

test.each([
  ["no marks", "title: A\n---\n"],
  ["text between two rules", "---\nSome text.\n---\nmore"],
  ["a list", "---\n- a\n- b\n---\nmore"],
  ["invalid YAML", "---\na: [b\n---\nmore"],
  ["no end", "---\na: 1\n"],
  ["aliases", `---\na: &a [x,x]\nb: [*a,*a,*a]\n---\nmore`],
  ["too much of it", `---\na: ${"x".repeat(200_000)}\n---\nmore`],
])("%s stays part of the text", (_, text) => {
  expect(readFrontMatter(text)).toEqual({ content: text, metadata: {} });
});
