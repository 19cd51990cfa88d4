import { decodeEntities } from "./entities.ts";
import { type HtmlToken, htmlTokens } from "./html-tokens.ts";

/** The text and title of an HTML page. */
export interface HtmlText {
  readonly text: string;
  /** The `title` element, or else the first `h1`. */
  readonly title: string | undefined;
}

/** Elements whose content is not part of the text. */
const IGNORED_ELEMENTS = new Set(
  "script style noscript template svg math iframe object select head title textarea".split(" "),
);
/** Elements that start a paragraph. */
const PARAGRAPH_ELEMENTS = new Set(
  "address article aside blockquote details dialog dl fieldset figure footer form h1 h2 h3 h4 h5 h6 header hgroup main menu nav ol p pre section table ul".split(
    " ",
  ),
);
/** Elements that start a line. */
const LINE_ELEMENTS = new Set(
  "br caption dd div dt figcaption hr legend li option summary tr thead tbody tfoot".split(" "),
);
const HEADING = /^h([1-6])$/;

/**
 * Converts an HTML page to text: each block on its own line, headings and lists in Markdown, table cells separated by a bar,
 * without scripts, styles and comments. The time is linear in the length of the page.
 */
export function htmlToText(html: string): HtmlText {
  const writer = createWriter();
  const titles = { page: "", heading: "" };
  const ignored: string[] = []; // open ignored elements
  let inHeading = false;
  for (const token of htmlTokens(html)) {
    if (token.type === "tag") {
      const { name, closing, attributes } = token;
      if (name === "body") ignored.length = 0;
      else if (IGNORED_ELEMENTS.has(name)) updateIgnored(ignored, token);
      else if (ignored.length === 0) {
        writer.tag(name, { closing, attributes });
        if (name === "h1") inHeading = !closing && titles.heading === "";
        else if (PARAGRAPH_ELEMENTS.has(name)) inHeading = false;
      }
    } else if (token.type === "literal" && token.element === "title") {
      if (titles.page === "" && !ignored.includes("svg"))
        titles.page = normalizeSpace(decodeEntities(token.text.slice(0, MAX_TITLE_LENGTH)));
    } else if (ignored.length === 0) {
      const text = token.type === "text" ? decodeEntities(token.text) : token.text;
      if (inHeading) titles.heading += text;
      writer.text(text);
    }
  }
  return {
    text: writer.end(),
    title: titles.page || normalizeSpace(titles.heading.slice(0, MAX_TITLE_LENGTH)) || undefined,
  };
}

/** Maximum length of a title, in UTF-16 code units. */
const MAX_TITLE_LENGTH = 10_000;

/** Maximum number of nested ignored elements. A deeper element counts as part of its parent. */
const MAX_DEPTH = 100;

/** Adds the ignored element that a tag opens, or removes the one that it closes. */
function updateIgnored(ignored: string[], { name, closing, attributes }: Extract<HtmlToken, { type: "tag" }>): void {
  if (closing) {
    if (ignored.includes(name)) ignored.length = ignored.lastIndexOf(name);
  } else if (!attributes.endsWith("/") && ignored.length < MAX_DEPTH) ignored.push(name);
}

function normalizeSpace(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

/** Creates a writer that joins text and elements into lines. */
function createWriter() {
  const parts: string[] = [];
  let breaks = 0; // pending line breaks before the next text
  let hasText = false;
  let space = false; // whether a space is pending before the next text
  let preDepth = 0;
  const lists: ("ul" | number)[] = [];
  let prefix = "";

  const put = (text: string) => {
    if (hasText && breaks > 0) parts.push("\n".repeat(breaks));
    else if (hasText && space) parts.push(" ");
    parts.push(prefix, text);
    prefix = "";
    breaks = 0;
    space = false;
    hasText = true;
  };
  const requestBreaks = (count: number) => {
    breaks = Math.max(breaks, count);
    space = false;
  };
  return {
    text(text: string): void {
      if (preDepth > 0) {
        if (text.trim() === "" && !hasText) return;
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
    tag(name: string, { closing, attributes }: { readonly closing: boolean; readonly attributes: string }): void {
      const level = HEADING.exec(name)?.[1];
      if (PARAGRAPH_ELEMENTS.has(name)) requestBreaks(lists.length > 1 && (name === "ul" || name === "ol") ? 1 : 2);
      else if (LINE_ELEMENTS.has(name)) requestBreaks(1);
      if (name === "pre") {
        if (!closing && preDepth === 0) put("```\n");
        if (closing && preDepth === 1) {
          parts.push(parts.at(-1)?.endsWith("\n") ? "```" : "\n```");
          requestBreaks(2);
        }
        preDepth = Math.max(0, preDepth + (closing ? -1 : 1));
      }
      if (name === "ul" || name === "ol") {
        if (closing) lists.pop();
        else if (lists.length < 50) lists.push(name === "ul" ? "ul" : 0);
      }
      if (closing) prefix = "";
      else if (level) prefix = `${"#".repeat(Number(level))} `;
      else if (name === "li") prefix = itemPrefix(lists);
      else if (name === "td" || name === "th") {
        if (hasText && breaks === 0) parts.push(" |");
        space = true;
      } else if (name === "img") {
        const alt = /\balt\s*=\s*(?:"([^"]*)"|'([^']*)')/i.exec(attributes);
        const text = normalizeSpace(decodeEntities(alt?.[1] ?? alt?.[2] ?? ""));
        if (text) put(text);
      }
    },
    end: () =>
      parts
        .join("")
        .replaceAll(/(?<![ \t])[ \t]+(?=\n|$)/g, "")
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
