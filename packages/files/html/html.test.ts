import { expect, test } from "vitest";
import { htmlToText } from "./html.ts";

test("a page becomes its text: each block on its own line, without scripts, styles, comments and the head", () => {
  const page = `<!DOCTYPE html><html><head><title>Returns &amp; refunds</title><style>p > b { color: red }</style>
    <script>if (1 < 2) document.write("<p>no</p>")</script></head>
    <body class="a>b"><!-- <p>hidden</p> --><nav><ul><li><a href="/">Home</a></li></ul></nav>
    <h1>Returns</h1><p>Send it back within 30&nbsp;days,<br>unworn &mdash; or <b>tried</b> on&hellip; caf&eacute; &#8364;5 &#x2713;</p>
    <ol><li>Pack it.<li>Send it.</ol><table><tr><th>Size</th><th>Fee</th></tr><tr><td>S</td><td>1 &lt; 2</td></tr></table>
    <pre>a
  b</pre><img src="x" alt="A kettle"><textarea><p>typed</textarea><p hidden>x</p></body></html>`;
  const { text, title } = htmlToText(page);
  expect(title).toBe("Returns & refunds");
  expect(text).toBe(
    [
      "- Home",
      "# Returns",
      "Send it back within 30\u00a0days,\nunworn — or tried on… café €5 ✓",
      "1. Pack it.\n2. Send it.",
      "Size | Fee\nS | 1 < 2",
      "```\na\n  b\n```",
      "A kettle",
      "x",
    ].join("\n\n"),
  );
});

test.each([
  ["<h1>One</h1><h1>Two</h1>", { title: "One", text: "# One\n\n# Two" }],
  ["<h1>One<p>Two", { title: "One", text: "# One\n\nTwo" }],
  ["plain & simple &unknown; a < b", { title: undefined, text: "plain & simple &unknown; a < b" }],
  ["<p>a</p><p>b", { title: undefined, text: "a\n\nb" }],
  ["<title>x", { title: "x", text: "" }],
  ["<body><script>unclosed", { title: undefined, text: "" }],
  ["&#128;&#0;&#xD800;&copy;", { title: undefined, text: "€\ufffd\ufffd©" }],
])("%j is read as its text and title", (page, expected) => expect(htmlToText(page)).toEqual(expected));

test("a hostile page is read in time proportional to its length", () => {
  for (const piece of [
    " ",
    "<li>",
    "<h1>x",
    "<",
    "<!--",
    "<a ",
    '<a b="',
    "&",
    "<p>",
    "<svg>",
    "</svg>",
    "<title>",
    "<![CDATA[",
  ]) {
    const started = performance.now();
    htmlToText(piece.repeat(500_000 / piece.length));
    htmlToText(`<pre>${piece.repeat(500_000 / piece.length)}x`);
    expect(performance.now() - started, piece).toBeLessThan(10_000);
  }
});
