import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { BROWSER, expectAccessible, NO_BROWSER, takeScreenshots } from "./support/browser.ts";
import { startChatApi } from "./support/chat-api.ts";
import { useConsole } from "./support/console.ts";
import { useServer } from "./support/fixture.ts";
import { HANDBOOK } from "./support/handbook.ts";

describe.skipIf(!BROWSER)(`the playground in Chromium${BROWSER ? "" : ` (skipped: ${NO_BROWSER})`}`, () => {
  const chat = useServer(startChatApi);
  const fixture = useConsole(() => ["--chat-model", "scripted", "--chat-base-url", chat.url, "--chat-api-key", "k"]);
  let key = "";
  let page: Page;
  beforeAll(async () => {
    key = await fixture.addTenant("kettles");
    await fixture.call(key, "POST", "/v1/collections", { name: "handbook" });
    await fixture.call(key, "POST", "/v1/documents", { collection: "handbook", documents: HANDBOOK });
    page = await fixture.signIn(key);
    page.setDefaultTimeout(5_000);
    await page.getByRole("link", { name: "Playground" }).click();
    await page.getByRole("heading", { name: "Playground" }).waitFor();
  });

  const column = (mode: string) => page.getByRole("region", { name: mode, exact: true });
  const idsOf = (mode: string) => column(mode).locator(".hit-head a").allTextContents();
  const search = async (text: string) => {
    await page.getByLabel("Query").fill(text);
    await page.getByRole("button", { name: "Search", exact: true }).click();
    const hits = page.getByRole("region", { name: `Hits for “${text}”` });
    await hits.locator(".shown").getByRole("status").getByText("hits in").waitFor();
  };

  test("a query is answered in each mode as the API answers it, with scores and the words marked", async () => {
    await search("How long may I return a kettle?");
    for (const mode of ["vector", "keyword", "hybrid"]) {
      const body = { query: "How long may I return a kettle?", collection: "handbook", mode, top_k: 5 };
      const { hits } = await fixture.call(key, "POST", "/v1/query", body);
      await column(mode).locator(".hit").first().waitFor();
      expect(await idsOf(mode), mode).toEqual(hits.map(({ id }: { id: string }) => id));
      const scores = await column(mode).locator(".score").allTextContents();
      expect(scores[0]).toContain(hits[0].score.toFixed(3));
    }
    const marked = await column("keyword").locator("mark").allTextContents();
    expect(new Set(marked.map((word) => word.toLowerCase()))).toEqual(
      new Set(["return", "returns", "kettle", "kettles"]),
    );
    await column("hybrid")
      .getByText(/vector #\d+ · keyword #\d+/)
      .first()
      .waitFor();
  });

  test("text and metadata of documents are shown as text, never as HTML", async () => {
    await search("bold steam markup");
    await column("keyword").locator(".hit").first().waitFor();
    expect(await column("keyword").locator(".passage").first().textContent()).toContain("<b>bold steam</b>");
    expect(await column("keyword").locator("img, .passage b, .metadata i").count()).toBe(0);
    expect(await page.title()).toBe("Playground · Cairn");
  });

  test("the three searches are sent at the same time, and their plans after all of them", async () => {
    const sent: string[] = [];
    const note = (what: string) => (request: { url(): string }) => {
      const { pathname } = new URL(request.url());
      if (pathname.startsWith("/v1/query")) sent.push(`${what} ${pathname}`);
    };
    const record = note("start");
    const finish = (response: { request(): { url(): string } }) => note("end")(response.request());
    await column("hybrid").getByRole("button", { name: "Plan of the hybrid search" }).waitFor();
    page.on("request", record).on("response", finish);
    await search("when is the shop open");
    await column("hybrid").getByRole("button", { name: "Plan of the hybrid search" }).waitFor();
    page.off("request", record).off("response", finish);
    const start = "start /v1/query";
    expect(sent.slice(0, 3)).toEqual([start, start, start]);
    expect(sent.indexOf("start /v1/query/explain")).toBeGreaterThan(sent.lastIndexOf("end /v1/query"));
  });

  test("the plan is a sentence, with the statement behind a button", async () => {
    await column("vector")
      .getByText(/exact, compares all \d+ rows/i)
      .waitFor();
    await column("hybrid").getByRole("button", { name: "Plan of the hybrid search" }).click();
    const dialog = page.getByRole("dialog", { name: "Plan of the hybrid search" });
    await dialog.getByText("Plan of Postgres, keyword list").waitFor();
    await dialog.getByText("Statement").first().click();
    await dialog
      .getByText(/FROM cairn\.documents/)
      .first()
      .waitFor();
    await expectAccessible(page);
    await takeScreenshots(page, "playground-plan");
    await dialog.getByRole("button", { name: "Close" }).click();
  });

  test("a filter is built from the keys and values of the collection", async () => {
    await page.getByRole("button", { name: "Add a condition" }).click();
    await page.getByLabel("Key of condition 1").selectOption("topic");
    const values = page.locator("datalist").first().locator("option");
    expect(await values.evaluateAll((options) => options.map((option) => option.getAttribute("value")))).toContain(
      "warranty",
    );
    await page.getByLabel("Value of condition 1").fill("returns");
    await page.getByRole("button", { name: "Add a condition" }).click();
    await page.getByLabel("Key of condition 2").selectOption("year");
    await page.getByLabel("Operator of condition 2").selectOption("$gte");
    await page.getByLabel("Value of condition 2").fill("2025");
    await search("kettle refund");
    await column("vector").getByText("2 hits in").waitFor();
    expect((await idsOf("vector")).sort()).toEqual(["refunds-internal.md", "returns.md"]);
    await page.getByLabel("How conditions are combined").selectOption("any condition matches");
    await search("kettle refund");
    await column("vector").getByText("3 hits in").waitFor();
  });

  test("the address of the page is the search: a reload repeats it", async () => {
    await page.reload();
    await column("vector").getByText("3 hits in").waitFor();
    expect(await page.getByLabel("Query").inputValue()).toBe("kettle refund");
    expect(await page.getByLabel("Value of condition 2").inputValue()).toBe("2025");
    expect(page.url()).not.toContain("cairn_");
  });

  test("the code repeats the search, has the key as a variable, and runs", async () => {
    const region = page.getByRole("region", { name: "As code" });
    for (const [language, variable] of [
      ["TypeScript", "env.CAIRN_KEY"],
      ["Python", "os.environ['CAIRN_KEY']"],
      ["curl", "Bearer $CAIRN_KEY"],
    ] as const) {
      await region.getByRole("button", { name: language }).click();
      await region.getByRole("button", { name: "Copy the code" }).click();
      await region.getByText("Copied", { exact: true }).waitFor();
      const code = String(await page.evaluate("navigator.clipboard.readText()"));
      expect(code).toContain(variable);
      expect(code).toContain('"$gte": 2025');
      expect(code).not.toContain(key);
    }
    const curl = String(await page.evaluate("navigator.clipboard.readText()"));
    const { execFileSync } = await import("node:child_process");
    const output = execFileSync("sh", ["-c", curl], { env: { ...process.env, CAIRN_KEY: key }, encoding: "utf8" });
    expect(JSON.parse(output).hits).toHaveLength(3);
  });

  test("grouping by document is applied at once", async () => {
    await page.getByLabel("Group by").selectOption("document");
    await page.waitForURL(/group_by=document/);
    await column("vector").getByText("3 hits in").waitFor();
    const code = page.getByRole("region", { name: "As code" });
    await code.getByText('"group_by": "document"').waitFor();
  });

  test("a search that the service refuses says why in its column, and the others are shown", async () => {
    await fixture.call(key, "POST", "/v1/collections", { name: "vectors only", embedding_model: null, dimensions: 3 });
    await page.reload();
    await page.getByLabel("Collection").selectOption("vectors only");
    await column("vector").locator(".refusal").waitFor();
    await column("keyword").getByText("Nothing matches.").waitFor();
    await page.getByLabel("Collection").selectOption("handbook");
    await column("vector").locator(".hit").first().waitFor();
  });

  test("the chat writes its answer, and a citation jumps to its passage and leads to the document", async () => {
    const call = { name: "search", arguments: JSON.stringify({ query: "return a kettle" }) };
    chat.script({ kind: "calls", calls: [call] }, { kind: "text", pieces: ["Within 30 days", " [1]", "."] });
    const region = page.getByRole("region", { name: "Chat" });
    await region.getByLabel("Question").fill("How long may I return a kettle?");
    await region.getByRole("button", { name: "Ask" }).click();
    await region.getByRole("button", { name: /^Citation 1/ }).click();
    const passage = region.getByRole("list", { name: "Cited passages" }).getByRole("listitem");
    expect(await page.evaluate("document.activeElement.id")).toBe(await passage.getAttribute("id"));
    expect(await passage.textContent()).toContain("kettle");
    const address = await passage.getByRole("link").getAttribute("href");
    expect(address).toMatch(/^#\/documents\/handbook\/.+\?passage=\d+$/);
  });

  test("the page is accessible and fits a phone", async () => {
    await page.getByLabel("Group by").selectOption("passage");
    await search("How long may I return a kettle?");
    await column("hybrid").getByRole("button", { name: "Plan of the hybrid search" }).waitFor();
    await expectAccessible(page);
    await takeScreenshots(page, "playground");
    await page.setViewportSize({ width: 390, height: 844 });
    await page.getByRole("button", { name: "keyword", exact: true }).click();
    expect(await column("keyword").isVisible()).toBe(true);
    expect(await column("vector").isVisible()).toBe(false);
    await expectAccessible(page);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test("no page reported an error, refused content or a request to another server", () => {
    expect(fixture.browser.errors).toEqual([]);
  });
});

describe.skipIf(!BROWSER)("the playground of a service without a chat model", () => {
  const fixture = useConsole();
  test("says so, and how to configure one", async () => {
    const key = await fixture.addTenant("silent");
    await fixture.call(key, "POST", "/v1/documents", { documents: [{ id: "a", content: "steam" }] });
    const page = await fixture.signIn(key);
    await page.getByRole("link", { name: "Playground" }).click();
    await page.getByText("This service has no chat model.").waitFor();
    expect(await page.getByLabel("Question").count()).toBe(0);
  });
});
