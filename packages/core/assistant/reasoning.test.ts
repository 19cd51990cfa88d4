import fc from "fast-check";
import { expect, test } from "vitest";
import { createReasoningFilter } from "./reasoning.ts";

/** The text that a client has at the end if it obeys `restart`. */
function read(pieces: readonly string[]) {
  const filter = createReasoningFilter();
  let text = "";
  const rest = pieces.map((piece) => filter.push(piece));
  const end = filter.end();
  for (const part of [...rest, end]) text = (part.restart ? "" : text) + part.text;
  return { text, unclosed: end.unclosed };
}

type Case = readonly [answer: string, text: string, unclosed?: boolean];

const CASES: readonly Case[] = [
  ["<think>It asks for [2].</think>\n\nWithin 30 days [1].", "Within 30 days [1]."],
  ["Yes.<thinking>hm</thinking> And no.<THOUGHT>x</thought>", "Yes. And no."],
  ['<think time="3 s">a < b `code` ```\n</think>So.', "So."],
  ["[THINK]a[/THINK]b", "b"],
  ["◁think▷a◁/think▷b", "b"],
  ["no opening tag\n</think>\nanswer", "answer"],
  ["<think>a <think>b</think> c</think> answer", "answer"],
  ["<think></think>answer", "answer"],
  ["Yes. <think>for ever", "Yes. ", true],
  ["<think>", "", true],
  [
    "The tag `<think>` and\n```html\n<think>x</think>\n```\nare code.",
    "The tag `<think>` and\n```html\n<think>x</think>\n```\nare code.",
  ],
  ["a < b, [T], [/THIN, ◁x, <thin, <thinker>, </b>, `", "a < b, [T], [/THIN, ◁x, <thin, <thinker>, </b>, `"],
  ["  spaces at the start stay", "  spaces at the start stay"],
  ["one ` tick\n<think>x</think>y", "one ` tick\ny"],
];

const FULL = CASES.map(([answer, text, unclosed = false]) => [answer, text, unclosed] as const);

test.each<readonly [string, string, boolean]>(FULL)("%j is filtered to %j", (answer, text, unclosed) => {
  expect(read([answer])).toEqual({ text, unclosed });
});

test("the filtered text does not depend on how the answer is cut into pieces", () => {
  const pieces = fc.tuple(fc.nat({ max: FULL.length - 1 }), fc.array(fc.nat({ max: 90 }), { maxLength: 30 }));
  fc.assert(
    fc.property(pieces, ([at, cuts]) => {
      const [answer, text, unclosed] = FULL[at] as (typeof FULL)[number];
      const ends: number[] = [...cuts.filter((cut) => cut < answer.length).sort((a, b) => a - b), answer.length];
      const cut = ends.map((end, index) => answer.slice(ends[index - 1] ?? 0, end));
      expect(read(cut)).toEqual({ text, unclosed });
    }),
    { numRuns: 2_000 },
  );
});
