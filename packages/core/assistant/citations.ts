import { codeRanges } from "../markdown/code-ranges.ts";

const NUMBER = String.raw`\d{1,4}`;
/** `[3]`, `[1, 4]`, `[2-5]`, also in the lenticular brackets that some models write. */
const CITATION = new RegExp(
  String.raw`[[【]\s*(${NUMBER}(?:\s*[,;–-]\s*${NUMBER})*)\s*(?:†[^\]】\n]{0,80})?[\]】]`,
  "g",
);

/**
 * Text directly before a bracket that is not a citation: the end of an identifier (`list[7]`), a backslash, or the `!` of
 * an image. `f()[1]` is code only if it is marked as code. Chinese, Japanese, Korean and Thai are written without spaces,
 * so their letters do not count as the end of an identifier.
 */
const NON_CITATION_PREFIX =
  /(?:(?![\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}])[\p{L}\p{M}\p{N}_$@#]|[\\!])$/u;

/**
 * The passage numbers that an answer cites, in the order of their first appearance. Numbers without a passage are ignored,
 * and so are numbers in code or directly after an identifier: `list[1]` and "RFC [2119]" are plain text.
 */
export function findCitations(answer: string, hasPassage: (number: number) => boolean): readonly number[] {
  const cited = new Set<number>();
  const code = codeRanges(answer).values();
  let range = code.next().value;
  for (const { 0: match, 1: numbers = "", index } of answer.matchAll(CITATION)) {
    while (range && range.end <= index) range = code.next().value;
    const isCode = range !== undefined && index + match.length > range.start;
    if (isCode || (match.startsWith("[") && NON_CITATION_PREFIX.test(answer.slice(Math.max(0, index - 2), index))))
      continue;
    for (const number of expandRanges(numbers)) if (hasPassage(number)) cited.add(number);
  }
  return [...cited];
}

/** Numbers in one range: a longer range is not a citation. */
const MAX_RANGE = 50;

function expandRanges(numbers: string): readonly number[] {
  return numbers.split(/[,;]/).flatMap((part) => {
    const [first = 0, last = first, ...more] = part.split(/[–-]/).map(Number);
    if (more.length > 0 || last < first || last - first > MAX_RANGE) return [];
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}
