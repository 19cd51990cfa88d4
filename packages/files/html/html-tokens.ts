/** A token of an HTML page. */
export type HtmlToken =
  | { readonly type: "text"; readonly text: string }
  /** Text without character references, of a CDATA section or of the raw element `element`. */
  | { readonly type: "literal"; readonly text: string; readonly element: string | undefined }
  | { readonly type: "tag"; readonly name: string; readonly closing: boolean; readonly attributes: string };

/** Elements whose content is not markup, except for their end tag. */
const RAW_ELEMENTS = new Set("script style title textarea iframe noembed noframes xmp".split(" "));
const TAG = /<(\/?)([a-z][^\s/>]*)/iy;

/**
 * Yields the text and tags of an HTML page, without comments and declarations. An unclosed tag, comment or raw element extends
 * to the end of the page. The time is linear in the length of the page.
 * Source: HTML Standard, Tokenization; this is the part that text extraction needs.
 */
export function* htmlTokens(html: string): Generator<HtmlToken> {
  let position = 0;
  while (position < html.length) {
    const start = html.indexOf("<", position);
    if (start !== position) yield { type: "text", text: html.slice(position, start === -1 ? html.length : start) };
    if (start === -1) return;
    if (html.startsWith("<!--", start)) position = endOf(html, "-->", start + 4);
    else if (html.startsWith("<![CDATA[", start)) {
      position = endOf(html, "]]>", start);
      yield {
        type: "literal",
        text: html.slice(start + 9, position).replace(/\]\]>$/, ""),
        element: undefined,
      };
    } else if (/[!?]/.test(html[start + 1] ?? "")) position = endOf(html, ">", start);
    else {
      TAG.lastIndex = start;
      const [head = "", slash, name = ""] = TAG.exec(html) ?? [];
      if (head === "") {
        yield { type: "text", text: "<" };
        position = start + 1;
        continue;
      }
      const end = endOfTag(html, start + head.length);
      const tag = name.toLowerCase();
      yield {
        type: "tag",
        name: tag,
        closing: slash === "/",
        attributes: html.slice(start + head.length, end),
      };
      position = end + 1;
      if (slash === "" && RAW_ELEMENTS.has(tag)) {
        const close = findEndTag(html, { name: tag, from: position });
        yield { type: "literal", text: html.slice(position, close), element: tag };
        position = close;
      }
    }
  }
}

/** Returns the index after the next `delimiter`, or the length of the page. */
function endOf(html: string, delimiter: string, from: number): number {
  const index = html.indexOf(delimiter, from);
  return index === -1 ? html.length : index + delimiter.length;
}

/** Returns the index of the `>` that ends a tag. A `>` in a quoted attribute value does not end it. */
function endOfTag(html: string, from: number): number {
  const delimiter = /["'>]/g;
  delimiter.lastIndex = from;
  for (let match = delimiter.exec(html); match; match = delimiter.exec(html)) {
    if (match[0] === ">") return match.index;
    const closingQuote = html.indexOf(match[0], match.index + 1);
    if (closingQuote === -1) break;
    delimiter.lastIndex = closingQuote + 1;
  }
  return html.length;
}

function findEndTag(html: string, { name, from }: { readonly name: string; readonly from: number }): number {
  const endTag = new RegExp(`</${name}(?=[\\s/>])`, "gi");
  endTag.lastIndex = from;
  return endTag.exec(html)?.index ?? html.length;
}
