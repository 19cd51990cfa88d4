import { connect } from "@cairn/core/database/connect.ts";
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { BROWSER, expectAccessible, NO_BROWSER, takeScreenshots } from "./support/browser.ts";
import { useConsole } from "./support/console.ts";
import { serverUrl } from "./support/database.ts";
import { addCutoverTenants, type CutoverTenant, EXAMPLE_CUTOVER } from "./support/example-cutover.ts";
import { createChromaDatabase } from "./support/migration.ts";

// The console next to a gateway in front of a real Chroma server. An embedded database can be opened by one process only.

const isRun = BROWSER !== undefined && serverUrl() !== undefined;

async function openCutover(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Cut-over", exact: true }).click();
  await page.getByRole("heading", { name: "Cut-over", exact: true }).waitFor();
}

describe.runIf(isRun)(`the view Cut-over in Chromium${BROWSER ? "" : ` (skipped: ${NO_BROWSER})`}`, () => {
  const fixture = useConsole(["--chroma", inject("chromaUrl")]);
  let base: string;
  let key: string;
  let collection: string;

  beforeAll(async () => {
    base = `/api/v2/tenants/default_tenant/databases/${await createChromaDatabase(inject("chromaUrl"))}`;
  });

  async function send(method: string, path: string, body?: object) {
    const response = await fetch(`${fixture.service.url}${base}${path}`, {
      method,
      headers: { "X-Chroma-Token": key, "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  }

  const add = (id: string) => ({ ids: [id], embeddings: [[1, 0.5]], documents: [`the text of ${id}`] });

  /** Sends reads until as many are compared as the next phase requires. */
  async function compareReads(): Promise<void> {
    await fixture.call(fixture.operator, "PATCH", "/v1/cutover/linden/settings", { sample: 1 });
    const compared = async () => {
      for (let n = 0; n < 20; n++) await send("GET", `${collection}/count`);
      return (await fixture.call(fixture.operator, "GET", "/v1/cutover/linden")).reads.compared;
    };
    await expect.poll(compared, { timeout: 240_000, interval: 500 }).toBeGreaterThanOrEqual(100);
  }

  test("a tenant goes from Chroma to Cairn and back; each step states its effect and what it overrides", async () => {
    const page = await fixture.signIn(fixture.operator);
    await openCutover(page);
    await page.getByRole("heading", { name: "Move the first tenant" }).waitFor();
    await expectAccessible(page);
    await takeScreenshots(page, "cutover-first-steps");

    await fixture.cli.run(["namespaces", "create", "shop"]);
    key = (await fixture.cli.json("namespaces", "keys", "create", "shop")).secret;
    const created = await send("POST", "/collections", { name: "tenant_linden_faq" });
    collection = `/collections/${created.body.id}`;
    expect((await send("POST", `${collection}/add`, add("a"))).status).toBe(201);

    await page.getByRole("button", { name: "Move a tenant" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("Chroma goes on to answer every request").waitFor();
    await dialog.getByRole("button", { name: "Enter the phase mirror" }).click();
    await dialog.getByRole("alert").getByText("Enter the name of the tenant").waitFor();
    await dialog.getByLabel("Tenant").fill("linden");
    await dialog.getByRole("button", { name: "Enter the phase mirror" }).click();
    await page.getByRole("heading", { name: "linden" }).waitFor();
    await page.getByText("Chroma answers, Cairn follows.").waitFor();
    await page.getByText("A write that was sent before the phase began").waitFor();
    expect(await page.locator("[aria-current=step]").textContent()).toContain("mirror");
    await expectAccessible(page);
    await takeScreenshots(page, "cutover-mirror");

    await page.getByRole("button", { name: "Advance to shadow" }).click();
    await dialog.getByText("1 condition is open, so the service refuses the phase.").waitFor();
    await dialog.getByRole("button", { name: "Enter shadow" }).click();
    await dialog.getByRole("alert").getByText("cannot enter the phase shadow").waitFor();
    expect(await dialog.getByText("This overrides").count()).toBe(0);
    await dialog.getByLabel("Enter the phase anyway").check();
    await dialog.getByRole("heading", { name: "This overrides" }).waitFor();
    await dialog.getByText("All records equal").waitFor();
    await expectAccessible(page);
    await takeScreenshots(page, "cutover-force");
    await dialog.getByRole("button", { name: "Override and enter shadow" }).click();
    await page.getByText("Chroma answers, reads are compared.").waitFor();
    await page.getByText("overridden: identical").waitFor();

    await compareReads();
    await page.getByText("All conditions hold.").waitFor();
    await page.getByText("100 %").first().waitFor();
    await page.getByText("Latency of the same reads on both sides").waitFor();
    await expectAccessible(page);
    await takeScreenshots(page, "cutover-shadow");

    await page.getByRole("button", { name: "Advance to cairn" }).click();
    await dialog.getByText("at most ten seconds").waitFor();
    expect(await dialog.getByRole("checkbox").count()).toBe(0);
    await dialog.getByRole("button", { name: "Enter cairn" }).click();
    await page.getByText("Cairn answers, Chroma follows.").waitFor();
    expect((await send("POST", `${collection}/add`, add("b"))).status).toBe(201);

    await page.getByRole("button", { name: "Go back" }).click();
    await dialog.getByLabel("shadow").check();
    await dialog.getByText("Then Chroma answers every request again.").waitFor();
    await dialog.getByRole("button", { name: "Go back to shadow" }).click();
    await page.getByText("Chroma answers, reads are compared.").waitFor();
    expect((await send("GET", `${collection}/count`)).body).toBe(2);
    expect(await page.locator("main").textContent()).not.toContain("the text of");
  }, 600_000);

  test("settings are changed, a comparison is requested, and the report is inside", async () => {
    const page = await fixture.signIn(fixture.operator);
    await openCutover(page);
    await page.getByRole("link", { name: "linden" }).click();
    await page.getByLabel("Reads that are compared, in percent").fill("12.5");
    await page.getByLabel("Strict: answer a write only when Cairn has it, too").check();
    await page.getByRole("button", { name: "Save the settings" }).click();
    const status = () => fixture.call(fixture.operator, "GET", "/v1/cutover/linden");
    await expect.poll(async () => (await status()).settings).toEqual({ sample: 0.125, strict: true });
    await page.getByLabel("Reads that are compared, in percent").fill("");
    await page.getByRole("button", { name: "Save the settings" }).click();
    await expect.poll(async () => (await status()).settings).toEqual({ strict: true });

    await page.getByRole("button", { name: "Compare now" }).waitFor();
    const { finished_at: before } = (await status()).compared;
    await page.getByRole("button", { name: "Compare now" }).click();
    await expect
      .poll(async () => (await status()).compared.finished_at, { timeout: 60_000 })
      .toSatisfy((at: string) => at > before);
    await page.getByRole("button", { name: "Show the report" }).click();
    await page.frameLocator("iframe").getByRole("heading", { level: 1 }).waitFor();
    const color = "getComputedStyle(document.querySelector('iframe').contentDocument.querySelector('h1')).fontFamily";
    expect(await page.evaluate(color)).toContain("Palatino");
    await expectAccessible(page);
    await takeScreenshots(page, "cutover-report");
  }, 300_000);

  test("what changes elsewhere is seen without a reload", async () => {
    const page = await fixture.signIn(fixture.operator);
    await openCutover(page);
    await page.getByRole("link", { name: "linden" }).waitFor();
    await fixture.call(fixture.operator, "POST", "/v1/cutover/rowan/advance", {});
    await page.getByRole("link", { name: "rowan" }).waitFor();
  }, 120_000);

  test("no page reported an error, refused content or a request to another server", () => {
    expect(fixture.browser.errors).toEqual([]);
  });
});

describe.runIf(isRun)("with fifty tenants", () => {
  const fixture = useConsole();

  /** Forty-five tenants without problems, in all phases. */
  const quiet: readonly CutoverTenant[] = Array.from({ length: 45 }, (_, n) => ({
    name: `tenant-${String(n).padStart(2, "0")}`,
    phase: ["chroma", "mirror", "mirror", "shadow", "shadow", "cairn", "cairn", "cairn", "done"][n % 9] as string,
    minutes: 60 + 97 * n,
    compared: {
      startedAt: new Date(Date.now() - 1_800_000).toISOString(),
      finishedAt: new Date(Date.now() - 1_750_000).toISOString(),
      ...{ collections: 2, records: 1_000 + 61 * n, written: 0, deleted: 0, refused: 0, bypassed: 0, identical: true },
    },
  }));

  beforeAll(async () => {
    const database = await connect({ url: fixture.cli.databaseUrl, directory: fixture.cli.folder });
    await addCutoverTenants(database, [...quiet, ...EXAMPLE_CUTOVER]);
    await database.close();
  });

  test("what needs attention comes first, and a phase and a name filter the others", async () => {
    const page = await fixture.signIn(fixture.operator);
    await openCutover(page);
    await page.getByRole("heading", { name: "Needs attention" }).waitFor();
    const names = await page.getByRole("rowheader").allTextContents();
    expect(names.length).toBe(50);
    expect(names.slice(0, 2).toSorted()).toEqual(["Fernweh Books", "Kontor 9"]);
    const listed = page.getByRole("list").filter({ hasText: "Replication fails" });
    expect(await listed.getByRole("link").allTextContents()).toEqual(names.slice(0, 2));
    await expectAccessible(page);
    await takeScreenshots(page, "cutover-fifty");
    await page.getByRole("button", { name: /done/ }).click();
    await page.getByText(/^\d+ of 50 tenants$/).waitFor();
    expect(await page.getByRole("row").filter({ hasText: "shadow" }).count()).toBe(0);
    await page.getByLabel("Search tenants").fill("no such tenant");
    await page.getByText("No tenant matches.").waitFor();
  }, 120_000);

  test("the page of a tenant shows findings and disagreements with their ids", async () => {
    const page = await fixture.signIn(fixture.operator);
    await openCutover(page);
    await page.getByRole("link", { name: "Fernweh Books" }).first().click();
    await page.getByRole("heading", { name: "Findings" }).waitFor();
    await page.getByRole("heading", { name: "Disagreements" }).waitFor();
    await page.getByText("differed", { exact: true }).first().waitFor();
    await expectAccessible(page);
    await takeScreenshots(page, "cutover-tenant");
    expect(fixture.browser.errors).toEqual([]);
  }, 120_000);
});
