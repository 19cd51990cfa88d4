import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { BROWSER, expectAccessible, NO_BROWSER, takeScreenshots } from "./support/browser.ts";
import { useConsole } from "./support/console.ts";
import { createChromaCollection, plainRecords, putRecords } from "./support/fill-chroma.ts";
import { createChromaDatabase } from "./support/migration.ts";

/** What every document's text contains. */
const TEXT = /how long may a customer keep/;

describe.skipIf(!BROWSER)(`the view Migration in Chromium${BROWSER ? "" : ` (skipped: ${NO_BROWSER})`}`, () => {
  const fixture = useConsole(["--chroma", inject("chromaUrl"), "--chroma-migrations-only"]);
  const suffix = randomBytes(4).toString("hex");
  const acme = `acme${suffix}`;
  const globex = `globex${suffix}`;
  let database: string;

  beforeAll(async () => {
    const chroma = inject("chromaUrl");
    database = await createChromaDatabase(chroma);
    const create = (name: string) => createChromaCollection(chroma, name, { space: "cosine", database });
    const [handbook, faq] = [await create(`${acme}-handbook`), await create(`${acme}-faq`)];
    await putRecords(handbook, plainRecords(1_200, 16));
    const odd = { ...plainRecords(1, 16)[0], id: "without-direction", embedding: Array(16).fill(0) };
    await putRecords(faq, [...plainRecords(80, 16), odd as never]);
    await putRecords(await create(`${globex}-faq`), plainRecords(40, 16));
  });

  async function tenantNames(): Promise<readonly string[]> {
    const { tenants } = await fixture.call(fixture.operator, "GET", "/v1/tenants");
    return tenants.map(({ name }: { name: string }) => name);
  }

  test("a dry run proposes targets, and shows the plan with its problems; the migration runs to its end and has its report", async () => {
    const page = await fixture.signIn(fixture.operator);
    await page.getByRole("link", { name: "Migration", exact: true }).click();
    await page.getByRole("heading", { name: "Migration" }).waitFor();
    await page.getByText("Nothing has run yet").waitFor();
    await page.getByText("More options").click();
    await page.getByLabel("Chroma's databases").fill(database);
    await expectAccessible(page);
    await takeScreenshots(page, "migration-start");
    await page.getByRole("button", { name: "Start the dry run" }).click();

    await page.getByRole("heading", { name: "Proposed targets" }).waitFor();
    await page.getByText("3 collections have no target yet").waitFor();
    expect(await page.getByRole("button", { name: "Start the migration" }).count()).toBe(0);
    await expectAccessible(page);
    await takeScreenshots(page, "migration-proposal");
    await page.getByRole("button", { name: "Repeat the dry run with these targets" }).click();

    await page.getByRole("heading", { name: "Plan" }).waitFor();
    await page.getByText("3 collections can be migrated. Nothing was written.").waitFor();
    const faq = page.getByRole("row").filter({ hasText: `${acme}-faq` });
    expect(await faq.textContent()).toMatch(/81.*1 without a vector/);
    await page.getByText("their vector has only zeros").waitFor();
    await expectAccessible(page);
    await takeScreenshots(page, "migration-plan");
    expect(await tenantNames()).not.toContain(acme);

    await page.getByRole("button", { name: "Start the migration" }).click();
    const dialog = page.getByRole("dialog");
    await dialog
      .getByText("Copies 1,321 records in 3 collections to 2 tenants of Cairn. 3 collections are created.")
      .waitFor();
    await expectAccessible(page);
    await takeScreenshots(page, "migration-confirm");
    await dialog.getByRole("button", { name: "Start the migration" }).click();

    await page.getByRole("progressbar", { name: "Progress" }).waitFor();
    await page.getByText("Identical, with 1 exception: 1,321 of 1,321 records compared.").waitFor({ timeout: 120_000 });
    const row = page.getByRole("row").filter({ hasText: `${globex}-faq` });
    expect(await row.textContent()).toMatch(/identical.*40/);
    await page.getByRole("button", { name: "Show the report" }).click();
    const report = page.frameLocator("iframe");
    await report.getByRole("heading", { level: 1 }).getByText("Identical, with 1 exception").waitFor();
    await report.getByText("without-direction").first().waitFor();
    // The report's own style is in force: it sets the headline in a serif face.
    const font = "getComputedStyle(document.querySelector('iframe').contentDocument.querySelector('h1')).fontFamily";
    expect(await page.evaluate(font)).toContain("Palatino");
    await expectAccessible(page);
    await takeScreenshots(page, "migration-result");
    expect(await page.locator("main").textContent()).not.toMatch(TEXT);
    expect(await tenantNames()).toEqual(expect.arrayContaining([acme, globex]));

    await page.getByRole("link", { name: "All runs" }).click();
    await page.getByText("3 runs").waitFor();
    await page.getByText("identical, with exceptions").waitFor();
    await expectAccessible(page);
    await takeScreenshots(page, "migration-runs");
  }, 300_000);

  test("progress arrives while a migration runs, and a migration is cancelled after its effect is stated", async () => {
    const page = await fixture.signIn(fixture.operator);
    // A page of one record at a time, so that the migration is still running when the page shows it.
    const body = { pattern: "{tenant}-{collection}", chroma_databases: [database], page_size: 1, concurrency: 1 };
    const { id } = await fixture.call(fixture.operator, "POST", "/v1/migrations", body);
    await page.evaluate(`location.hash = "#/migration/${id}"`);
    const bar = page.getByRole("progressbar", { name: `${acme}-handbook` });
    await bar.waitFor();
    const early = Number(await bar.getAttribute("value"));
    await expect.poll(async () => Number(await bar.getAttribute("value")), { timeout: 60_000 }).toBeGreaterThan(early);
    await expectAccessible(page);
    await takeScreenshots(page, "migration-progress");
    await page.getByRole("button", { name: "Cancel" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("What was copied stays in Cairn.").waitFor();
    await dialog.getByRole("button", { name: "Stop it" }).click();
    await page.getByText("It was cancelled.").waitFor();
  }, 300_000);

  test("a mapping that is not JSON is refused with the reason, and one that names no collection by the service", async () => {
    const page = await fixture.signIn(fixture.operator);
    await page.evaluate('location.hash = "#/migration"');
    await page.getByText("More options").click();
    await page.getByLabel("Mapping").fill("{faq: acme}");
    await page.getByRole("button", { name: "Start the dry run" }).click();
    await page.getByRole("alert").getByText("The mapping is not valid JSON").waitFor();
    await page.getByLabel("Mapping").fill('{"nowhere": {"tenant": "acme", "collection": "faq"}}');
    await page.getByLabel("Chroma's databases").fill(database);
    await page.getByRole("button", { name: "Start the dry run" }).click();
    await page.getByText("It failed before its end.").waitFor();
    await page.getByText('"nowhere"').first().waitFor();
  }, 120_000);

  test("the key of a tenant neither shows the view nor opens it", async () => {
    const { id } = await fixture.call(fixture.operator, "POST", "/v1/tenants", { name: "curious" });
    const { secret } = await fixture.call(fixture.operator, "POST", `/v1/tenants/${id}/keys`, { scopes: ["read"] });
    const page = await fixture.signIn(secret);
    await page.evaluate('location.hash = "#/migration"');
    await page.waitForURL(/#\/overview/);
    expect(await page.getByRole("link", { name: "Migration" }).count()).toBe(0);
    expect(await page.getByRole("link", { name: "Cut-over" }).count()).toBe(0);
  });

  test("no page reported an error, refused content or a request to another server", () => {
    expect(fixture.browser.errors).toEqual([]);
  });
});

describe.skipIf(!BROWSER)("without the address of a Chroma server", () => {
  const fixture = useConsole();

  test("the view says what to set", async () => {
    const page = await fixture.signIn(fixture.operator);
    await page.evaluate('location.hash = "#/migration"');
    await page.getByText("This service is not connected to a Chroma server.").waitFor();
    await page.getByText("CHROMA_URL", { exact: true }).waitFor();
    expect(await page.getByRole("button", { name: "Start the dry run" }).count()).toBe(0);
    await page.reload();
    await page.getByRole("heading", { name: "Connect Chroma" }).waitFor();
    await expectAccessible(page);
    await takeScreenshots(page, "migration-not-configured");
    expect(fixture.browser.errors).toEqual([]);
  });
});
