import { codeRanges } from "./markdown-code.ts";

const NUMBER = String.raw`\d{1,4}`;
/** `[3]`, `[1, 4]`, `[2-5]`, and the lenticular brackets that some models write. */
const CITATION = new RegExp(
  String.raw`[[【]\s*(${NUMBER}(?:\s*[,;–-]\s*${NUMBER})*)\s*(?:†[^\]】\n]{0,80})?[\]】]`,
  "g",
);

/**
 * What stands directly before a bracket that is no citation: the end of an identifier (`list[7]`, `f()[1]` is taken for
 * code only where it is marked as code), a backslash, or the mark of an image. Chinese, Japanese, Korean and Thai are
 * written without spaces, so their letters end no identifier.
 */
const BOUND =
  /(?:(?![\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}])[\p{L}\p{M}\p{N}_$@#]|[\\!])$/u;

/**
 * The numbers by which an answer cites passages, in the order in which they first appear. Only numbers that were
 * offered count, and only outside code and not directly after an identifier: `list[1]` and "RFC [2119]" are text.
 */
export function findCitations(answer: string, isOffered: (number: number) => boolean): readonly number[] {
  const cited = new Set<number>();
  const code = codeRanges(answer).values();
  let range = code.next().value;
  for (const { 0: whole, 1: numbers = "", index } of answer.matchAll(CITATION)) {
    while (range && range.end <= index) range = code.next().value;
    const inCode = range !== undefined && index + whole.length > range.start;
    if (inCode || (whole.startsWith("[") && BOUND.test(answer.slice(Math.max(0, index - 2), index))))
      continue;
    for (const number of expand(numbers)) if (isOffered(number)) cited.add(number);
  }
  return [...cited];
}

/** Numbers in a range that one answer can cite at most. */
const MAX_RANGE = 50;

function expand(numbers: string): readonly number[] {
  return numbers.split(/[,;]/).flatMap((part) => {
    const [first = 0, last = first, ...more] = part.split(/[–-]/).map(Number);
    if (more.length > 0 || last < first || last - first > MAX_RANGE) return [];
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}
