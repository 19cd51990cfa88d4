import { decodeEntities } from "./entities.ts";
import { type HtmlToken, htmlTokens } from "./html-tokens.ts";

/** What of an HTML page is knowledge. */
export interface HtmlText {
  readonly text: string;
  /** Of its `title` element, or else its first `h1`. */
  readonly title: string | undefined;
}

/** Elements whose content is not text of the page. */
const LEFT_OUT = new Set([
  "script",
  "style",
  "noscript",
  "template",
  "svg",
  "math",
  "iframe",
  "object",
  "select",
  "head",
  "title",
  "textarea",
]);
const PARAGRAPHS = new Set(
  "address article aside blockquote details dialog dl fieldset figure footer form h1 h2 h3 h4 h5 h6 header hgroup main menu nav ol p pre section table ul".split(
    " ",
  ),
);
const LINES = new Set(
  "br caption dd div dt figcaption hr legend li option summary tr thead tbody tfoot".split(" "),
);
const HEADING = /^h([1-6])$/;

/**
 * The text of an HTML page as a reader sees it: blocks on lines of their own, headings and lists as Markdown writes
 * them, cells separated by a bar, without scripts, styles and comments. Takes time in proportion to the page.
 */
export function htmlToText(html: string): HtmlText {
  const writer = createWriter();
  const titles = { page: "", heading: "" };
  const open: string[] = []; // elements that are left out
  let inHeading = false;
  for (const token of htmlTokens(html)) {
    if (token.type === "tag") {
      const { name, closing, attributes } = token;
      if (name === "body") open.length = 0;
      else if (LEFT_OUT.has(name)) leaveOut(open, token);
      else if (open.length === 0) {
        writer.tag(name, { closing, attributes });
        if (name === "h1") inHeading = !closing && titles.heading === "";
      }
    } else if (token.type === "literal" && token.of === "title") {
      if (titles.page === "" && !open.includes("svg"))
        titles.page = tidy(decodeEntities(token.text.slice(0, 10_000)));
    } else if (open.length === 0) {
      const text = token.type === "text" ? decodeEntities(token.text) : token.text;
      if (inHeading) titles.heading += text;
      writer.text(text);
    }
  }
  return { text: writer.end(), title: titles.page || tidy(titles.heading) || undefined };
}

/** Elements that are left out, one in the other, at most: deeper ones end with these. */
const MAX_DEPTH = 100;

function leaveOut(open: string[], { name, closing, attributes }: Extract<HtmlToken, { type: "tag" }>): void {
  if (closing) {
    if (open.includes(name)) open.length = open.lastIndexOf(name);
  } else if (!attributes.endsWith("/") && open.length < MAX_DEPTH) open.push(name);
}

function tidy(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

/** Puts text and elements together as lines. */
function createWriter() {
  const parts: string[] = [];
  let breaks = 0; // line breaks that are due before the next text
  let begun = false;
  let space = false;
  let pre = 0;
  const lists: ("ul" | number)[] = [];
  let prefix = "";

  const put = (text: string) => {
    if (begun && breaks > 0) parts.push("\n".repeat(breaks));
    else if (begun && space) parts.push(" ");
    parts.push(prefix, text);
    prefix = "";
    breaks = 0;
    space = false;
    begun = true;
  };
  const due = (count: number) => {
    breaks = Math.max(breaks, count);
    space = false;
  };
  return {
    text(text: string): void {
      if (pre > 0) {
        if (text.trim() === "" && !begun) return;
        put(text.replaceAll("\r\n", "\n"));
        return;
      }
      const words = text.replaceAll(/[ \t\n\f\r]+/g, " ");
      if (words.startsWith(" ")) space = true;
      const trimmed = words.trim();
      if (trimmed === "") return;
      put(trimmed);
      space = words.endsWith(" ");
    },
    tag(
      name: string,
      { closing, attributes }: { readonly closing: boolean; readonly attributes: string },
    ): void {
      const level = HEADING.exec(name)?.[1];
      if (PARAGRAPHS.has(name)) due(lists.length > 1 && (name === "ul" || name === "ol") ? 1 : 2);
      else if (LINES.has(name)) due(1);
      if (name === "pre") pre = Math.max(0, pre + (closing ? -1 : 1));
      if (name === "ul" || name === "ol") {
        if (closing) lists.pop();
        else if (lists.length < 50) lists.push(name === "ul" ? "ul" : 0);
      }
      if (closing) prefix = "";
      else if (level) prefix = `${"#".repeat(Number(level))} `;
      else if (name === "li") prefix = itemPrefix(lists);
      else if (name === "td" || name === "th") {
        if (begun && breaks === 0) parts.push(" |");
        space = true;
      } else if (name === "img") {
        const alt = /\balt\s*=\s*(?:"([^"]*)"|'([^']*)')/i.exec(attributes);
        const text = tidy(decodeEntities(alt?.[1] ?? alt?.[2] ?? ""));
        if (text) put(text);
      }
    },
    end: () =>
      parts
        .join("")
        .replaceAll(/[ \t]+$/gm, "")
        .trim(),
  };
}

function itemPrefix(lists: ("ul" | number)[]): string {
  const last = lists.at(-1);
  const indent = "  ".repeat(Math.max(0, lists.length - 1));
  if (typeof last !== "number") return `${indent}- `;
  lists[lists.length - 1] = last + 1;
  return `${indent}${last + 1}. `;
}
