import { expect, test } from "vitest";
import { languageNotice } from "./language.ts";

const MODEL = "bundled/use-lite";
const ENGLISH = "Our stores are open Monday to Saturday from 10 am to 7 pm, in Hamburg and Berlin until 8 pm.";
const GERMAN = "Wie lautet unsere Rückgaberegelung? Sie können jede Kaffeemaschine innerhalb von 14 Tagen zurückgeben.";

test("texts that are clearly in another language get a notice that names it", async () => {
  expect(await languageNotice(MODEL, [GERMAN])).toMatch(/^The text seems .*another language than English \(German\)/);
  expect(await languageNotice(MODEL, [ENGLISH, GERMAN, ENGLISH])).toMatch(/^1 of 3 examined texts seem/);
  for (const text of ["можно ли вернуть деньги", "返品できますか", "wat zijn de verzendkosten naar Nederland"])
    expect(await languageNotice(MODEL, [text])).toMatch(/another language than English/);
  expect(await languageNotice(MODEL, Array(500).fill(GERMAN))).toMatch(/^20 of 20/);
});

test.each([
  ENGLISH,
  "when are you open",
  "Can I get my money back?",
  "E3",
  "",
  "SKU 12345 Crema Uno 14.90",
  "const x = require('fs'); return 1;",
])("%j gets none", async (text) => expect(await languageNotice(MODEL, [text])).toBeUndefined());

test("the notice names the model", async () => {
  expect(await languageNotice("bundled/glove-50k", [GERMAN])).toMatch(/bundled\/glove-50k knows English only/);
});

test("other models get none", async () => {
  expect(await languageNotice("openai/text-embedding-3-small", [GERMAN])).toBeUndefined();
  expect(await languageNotice(null, [GERMAN])).toBeUndefined();
});
