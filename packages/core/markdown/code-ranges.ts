/** A range of a text, in UTF-16 units. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

const FENCE = /^[ \t>]*(?:[-*+] +|\d{1,9}[.)] +)?(`{3,}|~{3,})([^\n]*)$/;
const INDENTED = /^(?: {4}|\t)/;
const LIST_ITEM = /^\s*(?:[-*+]|\d{1,9}[.)])\s/;

/**
 * The code ranges of a Markdown text: fenced and indented blocks, spans in backticks, and HTML's `code` and `pre`.
 * They are in order and do not overlap. An unclosed fence extends to the end. Runs in linear time.
 */
export function codeRanges(text: string): readonly TextRange[] {
  const blocks = blockRanges(text);
  const ranges: TextRange[] = [];
  let from = 0;
  for (const block of [...blocks, { start: text.length, end: text.length }]) {
    for (const span of spanRanges(text, { start: from, end: block.start })) ranges.push(span);
    if (block.end > block.start) ranges.push(block);
    from = block.end;
  }
  return ranges;
}

function blockRanges(text: string): readonly TextRange[] {
  const ranges: TextRange[] = [];
  let fence: { readonly mark: string; readonly start: number } | undefined;
  let canBeIndented = true; // after a blank line
  let inList = false;
  let at = 0;
  for (const line of text.split("\n")) {
    const end = Math.min(at + line.length + 1, text.length);
    const [, mark = "", info = ""] = FENCE.exec(line) ?? [];
    if (fence) {
      if (mark.startsWith(fence.mark) && info.trim() === "") {
        ranges.push({ start: fence.start, end });
        fence = undefined;
      }
    } else if (mark !== "" && !(mark.startsWith("`") && info.includes("`"))) fence = { mark, start: at };
    else if (INDENTED.test(line) && line.trim() !== "" && canBeIndented && !inList) ranges.push({ start: at, end });
    else {
      if (LIST_ITEM.test(line)) inList = true;
      else if (/^\S/.test(line)) inList = false;
      canBeIndented = line.trim() === "";
    }
    at = end;
  }
  if (fence) ranges.push({ start: fence.start, end: text.length });
  return ranges;
}

/** Code spans (a run of backticks is closed by a run of the same length) and HTML elements between two blocks. */
function spanRanges(text: string, { start, end }: TextRange): readonly TextRange[] {
  const part = text.slice(start, end);
  const marks = [...part.matchAll(/`+|<\/?(?:code|pre)\b[^<>]*>|\n[ \t\r]*\n/gi)];
  const closers = closersOf(marks.map(([mark]) => mark.toLowerCase()));
  const ranges: TextRange[] = [];
  for (let at = 0; at < marks.length; at++) {
    const closer = closers[at];
    if (closer === undefined) continue;
    const last = marks[closer] as RegExpExecArray;
    ranges.push({ start: start + (marks[at]?.index ?? 0), end: start + last.index + last[0].length });
    at = closer;
  }
  return ranges;
}

/** The index of the mark that closes each mark; undefined: none does. A blank line ends a span of backticks. */
function closersOf(marks: readonly string[]): readonly (number | undefined)[] {
  const closers: (number | undefined)[] = new Array(marks.length).fill(undefined);
  const next = new Map<string, number>();
  for (let at = marks.length - 1; at >= 0; at--) {
    const mark = marks[at] as string;
    if (mark.startsWith("\n")) for (const key of [...next.keys()]) if (key.startsWith("`")) next.delete(key);
    const closingMark = mark.startsWith("<") ? `</${/\w+/.exec(mark)?.[0]}>` : mark;
    if (!mark.startsWith("</")) closers[at] = next.get(closingMark);
    if (!mark.startsWith("\n")) next.set(mark, at);
  }
  return closers;
}
