/** A piece of an HTML page. */
export type HtmlToken =
  | { readonly type: "text"; readonly text: string }
  /** Text without character references. */
  | { readonly type: "literal"; readonly text: string; readonly of: string | undefined }
  | { readonly type: "tag"; readonly name: string; readonly closing: boolean; readonly attributes: string };

/** Elements in which nothing is markup but their own end. */
const RAW = new Set(["script", "style", "title", "textarea", "iframe", "noembed", "noframes", "xmp"]);
const TAG = /<(\/?)([a-z][^\s/>]*)/iy;

/**
 * The text and tags of an HTML page, without comments and declarations. A tag, comment or raw element that is not closed
 * reaches to the end. Every character is looked at a fixed number of times.
 * Source: HTML Standard, Tokenization, of which this is the part that text needs.
 */
export function* htmlTokens(html: string): Generator<HtmlToken> {
  let at = 0;
  while (at < html.length) {
    const start = html.indexOf("<", at);
    if (start !== at) yield { type: "text", text: html.slice(at, start === -1 ? html.length : start) };
    if (start === -1) return;
    if (html.startsWith("<!--", start)) at = after(html, "-->", start + 4);
    else if (html.startsWith("<![CDATA[", start)) {
      at = after(html, "]]>", start);
      yield { type: "literal", text: html.slice(start + 9, at).replace(/\]\]>$/, ""), of: undefined };
    } else if (/[!?]/.test(html[start + 1] ?? "")) at = after(html, ">", start);
    else {
      TAG.lastIndex = start;
      const [head = "", slash, name = ""] = TAG.exec(html) ?? [];
      if (head === "") {
        yield { type: "text", text: "<" };
        at = start + 1;
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
      at = end + 1;
      if (slash === "" && RAW.has(tag)) {
        const close = endOfRaw(html, { name: tag, from: at });
        yield { type: "literal", text: html.slice(at, close), of: tag };
        at = close;
      }
    }
  }
}

function after(html: string, mark: string, from: number): number {
  const found = html.indexOf(mark, from);
  return found === -1 ? html.length : found + mark.length;
}

/** Where the `>` of a tag stands: one in a quoted value is part of it. */
function endOfTag(html: string, from: number): number {
  const mark = /["'>]/g;
  mark.lastIndex = from;
  for (let found = mark.exec(html); found; found = mark.exec(html)) {
    if (found[0] === ">") return found.index;
    const quote = html.indexOf(found[0], found.index + 1);
    if (quote === -1) break;
    mark.lastIndex = quote + 1;
  }
  return html.length;
}

function endOfRaw(html: string, { name, from }: { readonly name: string; readonly from: number }): number {
  const close = new RegExp(`</${name}(?=[\\s/>])`, "gi");
  close.lastIndex = from;
  return close.exec(html)?.index ?? html.length;
}
