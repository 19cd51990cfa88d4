import { expect, test } from "vitest";
import { findCitations } from "./citations.ts";

const cited = (answer: string, passages = 9) => findCitations(answer, (number) => number >= 1 && number <= passages);

test.each<readonly [string, readonly number[]]>([
  ["It is so [1], [2, 7] and [3].", [1, 2, 7, 3]],
  ['**30 days**[1][2], (see above)[3]; "as said"[4]. [5]', [1, 2, 3, 4, 5]],
  ["A range [2-4], another [6–7], and [8; 9]", [2, 3, 4, 6, 7, 8, 9]],
  ["返品できます[1]。可以退货【2】。 คืนได้[3]", [1, 2, 3]],
  ["See【4†source】 and [5](https://example.org/5).", [4, 5]],
  ["- a list [1]\n    - nested [2]\n\n> quoted [3]", [1, 2, 3]],
  ["a ` tick alone [1], another paragraph\n\nwith a ` tick [2]", [1, 2]],
])("finds the citations in %j", (answer, numbers) => expect(cited(answer)).toEqual(numbers));

test.each([
  "list[7]",
  "The first is items[0], the next items_2[1], then größe[2] and $x[3].",
  "RFC [2119] and ISO [9001]",
  "[0], [10], [99], [2025]",
  "an escaped \\[1], an image ![1](x.png), an open [1 and [a, b]",
  "`a [1]`, ``b ` [2]``, <code>[3]</code> <pre>\n[4]\n</pre>",
  "```js\nconst x = [1, 2];\n```",
  "~~~\n[1]\n```\n[2]\n~~~",
  "> ```\n> [1]\n> ```",
  "1. step\n   ```\n   [1]\n   ```",
  "Unclosed:\n```\n[1]\n\n[2]",
  "As code:\n\n    x = [1]\n    y = [2]\n",
  "[5-2] and [1-2-3]",
])("finds no citation in %j", (answer) => expect(cited(answer)).toEqual([]));

test("text after code can cite again", () => {
  expect(cited("```\n[1]\n```\nSo [2]. `[3]` and [4].\n\n    [5]\n\nEnd [6].")).toEqual([2, 4, 6]);
});

test("an answer of one million characters of marks is read in less than 5 seconds", () => {
  for (const piece of ["`", "``` ", "[1,", "`` ` ", "<code>", "\n```", "[1-", "    ["]) {
    const started = performance.now();
    cited(piece.repeat(1_000_000 / piece.length));
    expect(performance.now() - started, piece).toBeLessThan(5_000);
  }
});
