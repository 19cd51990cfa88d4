import { expect, test } from "vitest";
import { headingsAt } from "./headings.ts";

/** The headings above each occurrence of `@` in the text. */
function headings(text: string): readonly string[] {
  const positions = [...text.matchAll(/@/g)].map(({ index }) => index);
  return headingsAt(text, positions).map((path) => path.join(" > "));
}

test("a position has the headings above it, outermost first, and a sibling replaces the heading before it", () => {
  const text = "@\n# A\n@\n## B\n@\n### C\n@\n## D ##\n@\n# E\n@";
  expect(headings(text)).toEqual(["", "A", "A > B", "A > B > C", "A > D", "E"]);
});

test("levels can be left out and return", () => {
  expect(headings("### Deep\n@\n# Top\n#### Deeper\n@\n## Mid\n@")).toEqual(["Deep", "Top > Deeper", "Top > Mid"]);
});

test("a heading directly after the position counts, after white space too", () => {
  const text = "# A\ntext\n\n \n## B\ntext";
  expect(headingsAt(text, [0, text.indexOf("\n\n"), text.indexOf("## B")])).toEqual([["A"], ["A", "B"], ["A", "B"]]);
});

test("underlined lines are headings, rules, list items and table rows are not", () => {
  expect(headings("Title\n=====\n@\nPart\n---\n@\n\n---\n@\n- item\n---\n@\n| a |\n|---|\n@")).toEqual([
    "Title",
    "Title > Part",
    "Title > Part",
    "Title > Part",
    "Title > Part",
  ]);
});

test.each([
  ["```sh\n# install\n```\n@", ""],
  ["~~~\n# install\n~~~\n@", ""],
  ["text\n\n    # indented\n@", ""],
  ["#hashtag\n@", ""],
  ["####### seven\n@", ""],
  ["#\n@", ""],
  ["# C#\n@", "C#"],
  ["# A\r\n@", "A"],
  ["## [1.2.0](https://example.org/a_b) *(2026)* `x_y`\n@", "1.2.0 (2026) x_y"],
  ["# **Bold** snake_case\n@", "Bold snake_case"],
  ["# A ##\r\n@", "A"],
  ["# ##\n@", ""],
  ["text\r# not a line\n@", ""],
])("the headings of %j are %j", (text, expected) => expect(headings(text)).toEqual([expected]));

test("a long heading is cut", () => {
  expect(headings(`# ${"word ".repeat(100)}\n@`)[0]).toMatch(/^word .{190,200}…$/);
  expect(headings(`# x${"😀".repeat(100)}\n@`)[0]?.isWellFormed()).toBe(true);
});

test("hostile texts take time proportional to their length", () => {
  for (const piece of [
    "\r",
    "\u2028",
    "# x    #x",
    "# ",
    "#",
    "`",
    "a\n",
    "---\n",
    "[",
    "*",
    "# # #\n",
    "- \n",
    " ".repeat(50),
  ]) {
    const started = process.cpuUsage();
    headingsAt(piece.repeat(1_000_000 / piece.length), [0, 500_000, 999_999]);
    headingsAt(`# x${piece.repeat(100_000 / piece.length)}x\n`, [0]);
    expect(process.cpuUsage(started).user / 1000, piece).toBeLessThan(2_000);
  }
});
