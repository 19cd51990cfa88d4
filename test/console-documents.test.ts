import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { BROWSER, expectAccessible, NO_BROWSER, takeScreenshots } from "./support/browser.ts";
import { useConsole } from "./support/console.ts";
import { HANDBOOK, RULES } from "./support/handbook.ts";

describe.skipIf(!BROWSER)(`documents in Chromium${BROWSER ? "" : ` (skipped: ${NO_BROWSER})`}`, () => {
  const fixture = useConsole();
  let key = "";
  let page: Page;
  const open = async (secret: string) => {
    const opened = await fixture.signIn(secret);
    opened.setDefaultTimeout(10_000);
    await opened.getByRole("link", { name: "Documents" }).click();
    await opened.getByRole("heading", { name: "Documents" }).waitFor();
    return opened;
  };
  beforeAll(async () => {
    key = await fixture.addTenant("kettles");
    await fixture.call(key, "POST", "/v1/collections", {
      name: "handbook",
      chunking: { max_tokens: 200, overlap: 60 },
    });
    const rules = { id: "rules.md", content: RULES, metadata: { topic: "kitchen", year: 2025, serial: 42 } };
    const body = { collection: "handbook", documents: [...HANDBOOK, rules] };
    await fixture.call(key, "POST", "/v1/documents", body);
    page = await open(key);
  });

  const total = () => page.getByRole("status").filter({ hasText: "passage" });
  /** Ids of the page of the list, once it shows these documents. */
  const listed = async (first: number, last: number) => {
    await page.getByText(`Documents ${first} to ${last}`, { exact: true }).waitFor();
    return page.locator(".pick a").allTextContents();
  };

  test("documents are listed with their number and their metadata, as text", async () => {
    await total()
      .getByText(/^7 documents with \d+ passages$/)
      .waitFor();
    expect(await listed(1, 7)).toEqual([...HANDBOOK.map(({ id }) => id), "rules.md"].sort());
    await page.getByText("<i>markup</i>").waitFor();
    expect(await page.locator("tbody img, tbody i, tbody b").count()).toBe(0);
    await expectAccessible(page);
    await takeScreenshots(page, "documents");
  });

  test("a filter on metadata and text limits the list, and is part of the address", async () => {
    await page.getByRole("button", { name: "Add a condition" }).click();
    await page.getByLabel("Key of condition 1").selectOption("year");
    await page.getByLabel("Operator of condition 1").selectOption("$gte");
    await page.getByLabel("Value of condition 1").fill("2025");
    await page.getByLabel("Text contains").fill("kettle");
    await page.getByRole("button", { name: "Apply" }).click();
    await total()
      .getByText(/^3 documents with \d+ passages match$/)
      .waitFor();
    expect(await listed(1, 3)).toEqual(["descaling.md", "returns.md", "rules.md"]);
    await page.reload();
    await total()
      .getByText(/^3 documents/)
      .waitFor();
    expect(await page.getByLabel("Text contains").inputValue()).toBe("kettle");
    await page.getByRole("button", { name: "Remove condition 1" }).click();
    await page.getByLabel("Text contains").fill("");
    await page.getByRole("button", { name: "Apply" }).click();
    await total()
      .getByText(/^7 documents/)
      .waitFor();
  });

  test("a document is read whole, with the start of each passage and the text that passages share", async () => {
    await page.getByRole("link", { name: "rules.md" }).click();
    await page.getByRole("heading", { name: "rules.md" }).waitFor();
    const { passages } = await fixture.call(key, "GET", "/v1/documents/rules.md?collection=handbook");
    expect(passages.length).toBeGreaterThan(5);
    const blocks = page.locator(".block .text");
    await blocks.first().waitFor();
    expect(await blocks.count()).toBe(passages.length);
    const text = (await blocks.allTextContents()).join("").replace(/\s+/g, " ").trim();
    expect(text).toBe(RULES.replace(/\s+/g, " ").trim());
    await page.getByRole("link", { name: "Passage 3", exact: true }).click();
    await page.waitForURL(/passage=2/);
    const selected = (await page.locator(".block .in").allTextContents()).join("");
    expect(selected.trim()).toBe(passages[2].content.trim());
    const shared = await page.locator("#p1 .shared").allTextContents();
    expect(passages[0].content).toContain(shared[0]);
    await expectAccessible(page);
    await takeScreenshots(page, "document");
  });

  test("an edit says what it changes, and changes nothing else", async () => {
    await page.getByRole("button", { name: "Edit metadata" }).click();
    const dialog = page.getByRole("dialog", { name: "Edit rules.md" });
    await dialog.getByLabel("Metadata").fill('{"topic": "kitchen rules", "serial": 42, "big": 12345678901234567890, ');
    await dialog.getByText("This is not JSON").waitFor();
    expect(await dialog.getByRole("button", { name: "Save" }).isDisabled()).toBe(true);
    await dialog.getByLabel("Metadata").fill('{"topic": "kitchen rules", "serial": 42, "big": 12345678901234567890}');
    await dialog.getByText("Saving adds big, changes topic, removes year. The text and its vectors stay").waitFor();
    await expectAccessible(page);
    await takeScreenshots(page, "document-edit");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByText("12345678901234567890").waitFor();
    const after = await fixture.call(key, "GET", "/v1/documents/rules.md?collection=handbook");
    expect(after.metadata).toEqual({ topic: "kitchen rules", serial: 42, big: expect.any(Number) });
  });

  test("a document with an id that no address can hold is read as well", async () => {
    await fixture.call(key, "POST", "/v1/documents", {
      collection: "handbook",
      documents: [{ id: "../..", content: "climbing steam" }],
    });
    await page.goto(`${fixture.service.url}/console#/documents/handbook/..%2F..`);
    await page.getByText("climbing steam").waitFor();
    await page.getByRole("button", { name: "Delete …" }).click();
    await page.getByText("Deletes 1 passage of 1 document in handbook.").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await total()
      .getByText(/^7 documents/)
      .waitFor();
  });

  test("files that are dropped are added, and a file that cannot be read says why", async () => {
    const drop = page.getByRole("group", { name: "Files to add" });
    const transfer = await page.evaluateHandle(`(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(["# Filters\\n\\nChange the water filter every month."], "filters.md"));
      transfer.items.add(new File([new Uint8Array([0, 1, 2, 255])], "picture.bin"));
      return transfer;
    })()`);
    await drop.dispatchEvent("drop", { dataTransfer: transfer });
    const uploads = page.locator(".uploads li");
    await uploads.filter({ hasText: "filters.md" }).getByText("added", { exact: true }).waitFor();
    await uploads.filter({ hasText: "picture.bin" }).getByText("failed", { exact: true }).waitFor();
    await total()
      .getByText(/^8 documents/)
      .waitFor();
  });

  test("a large file is ingested in a job, with its progress, and the list follows", async () => {
    const lines = Array.from({ length: 240 }, (_, n) =>
      JSON.stringify({ id: `line ${String(n).padStart(4, "0")}`, content: `Kettle ${n} boils.` }),
    ).join("\n");
    await page
      .getByLabel("Choose files to add")
      .setInputFiles({ name: "lines.jsonl", mimeType: "application/x-ndjson", buffer: Buffer.from(lines) });
    const upload = page.locator(".uploads li").filter({ hasText: "lines.jsonl" });
    await upload.getByText("ingesting").waitFor();
    await takeScreenshots(page, "documents-upload");
    await upload.getByText("240 documents, 240 passages").waitFor({ timeout: 120_000 });
    await total()
      .getByText(/^248 documents/)
      .waitFor();
    await expectAccessible(page);
  });

  test("pages follow each other forwards and back", async () => {
    const first = await listed(1, 25);
    expect(first).toHaveLength(25);
    await page.getByRole("button", { name: "Next page" }).click();
    const second = await listed(26, 50);
    expect(second).toHaveLength(25);
    expect(second.filter((id) => first.includes(id))).toEqual([]);
    await page.getByRole("button", { name: "Previous page" }).click();
    expect(await listed(1, 25)).toEqual(first);
  });

  test("a deletion states its effect before it happens, and cancelling deletes nothing", async () => {
    await page.getByLabel("Select descaling.md").check();
    await page.getByLabel("Select hours.md").check();
    await page.getByText("2 documents selected").waitFor();
    await page.getByRole("button", { name: "Delete …" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(/^Deletes \d+ passages of 2 documents in handbook\./).waitFor();
    await expectAccessible(page);
    await takeScreenshots(page, "documents-delete");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await total()
      .getByText(/^248 documents/)
      .waitFor();
    await page.getByRole("button", { name: "Delete …" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await total()
      .getByText(/^246 documents/)
      .waitFor();
    const left = await fixture.call(key, "POST", "/v1/documents/count", { collection: "handbook" });
    expect(left.documents).toBe(246);
  });

  test("a key that can only read sees no control that writes", async () => {
    const reader = await open(await fixture.addTenant("kettles", ["read"]));
    await reader
      .getByRole("status")
      .getByText(/documents with/)
      .waitFor();
    expect(await reader.getByRole("checkbox").count()).toBe(0);
    expect(await reader.getByRole("button", { name: /Choose files|Delete|Edit/ }).count()).toBe(0);
    await reader.getByRole("link", { name: "filters.md" }).click();
    await reader.getByRole("heading", { name: "filters.md" }).waitFor();
    await reader.getByText("Change the water filter").waitFor();
    expect(await reader.getByRole("button", { name: /Delete|Edit/ }).count()).toBe(0);
  });

  test("another tenant sees none of these documents", async () => {
    const other = await open(await fixture.addTenant("strangers"));
    await other.getByText("There is no collection yet.").waitFor();
    await other.goto(`${fixture.service.url}/console#/documents/handbook/rules.md`);
    await other.getByRole("alert").waitFor();
    expect(await other.getByText("Whoever uses the kettle").count()).toBe(0);
  });

  test("no page reported an error, refused content or a request to another server", () => {
    expect(fixture.browser.errors).toEqual([]);
  });
});
