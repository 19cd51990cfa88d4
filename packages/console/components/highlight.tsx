import { type Stems, stemOf } from "./stems.ts";

const WORD = /[\p{L}\p{N}]+/gu;

/** A text with the words of a query marked. */
export function Highlight({ text, stems }: { readonly text: string; readonly stems: Stems }) {
  const parts: (string | { readonly word: string; readonly at: number })[] = [];
  let end = 0;
  for (const { 0: word, index } of text.matchAll(WORD)) {
    if (!stems.has(stemOf(word))) continue;
    if (index > end) parts.push(text.slice(end, index));
    parts.push({ word, at: index });
    end = index + word.length;
  }
  parts.push(text.slice(end));
  return <>{parts.map((part) => (typeof part === "string" ? part : <mark key={part.at}>{part.word}</mark>))}</>;
}

/** Characters of a passage that are shown before it is opened. */
const EXCERPT = 360;

/** The part of a text to show first: its start, or the surroundings of the first marked word if that is further down. */
export function excerptOf(text: string, stems: Stems): string {
  if (text.length <= EXCERPT * 1.2) return text;
  const first = [...text.matchAll(WORD)].find(({ 0: word }) => stems.has(stemOf(word)))?.index ?? 0;
  const start = first < EXCERPT * 0.6 ? 0 : text.lastIndexOf(" ", first - 80) + 1;
  const cut = text.lastIndexOf(" ", start + EXCERPT);
  const end = cut > start ? cut : start + EXCERPT;
  return `${start > 0 ? "… " : ""}${text.slice(start, end)}${end < text.length ? " …" : ""}`;
}
