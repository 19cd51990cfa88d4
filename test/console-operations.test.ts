import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { BROWSER, expectAccessible, NO_BROWSER, takeScreenshots } from "./support/browser.ts";
import { useConsole } from "./support/console.ts";
import { useResource } from "./support/fixture.ts";

describe.skipIf(!BROWSER)(`the operations${BROWSER ? "" : ` (skipped: ${NO_BROWSER})`}`, () => {
  const fixture = useConsole(["--log-level", "error"]);

  const tenant = useResource(async () => {
    const { id } = await fixture.call(fixture.operator, "POST", "/v1/tenants", { name: "acme" });
    const json = { name: "web shop", scopes: ["read", "write", "admin"] };
    const { secret } = await fixture.call(fixture.operator, "POST", `/v1/tenants/${id}/keys`, json);
    return { id: id as string, key: secret as string };
  });

  async function open(key: string): Promise<Page> {
    const page = await fixture.signIn(key);
    await page.getByRole("link", { name: "Operations" }).click();
    await page.getByRole("heading", { name: "Operations", level: 1 }).waitFor();
    await page
      .getByRole("row", { name: /web shop|cairn|no name/ })
      .first()
      .waitFor();
    return page;
  }

  const statusOf = async (key: string) => {
    const headers = { authorization: `Bearer ${key}` };
    return (await fetch(`${fixture.service.url}/v1/identity`, { headers })).status;
  };

  test("a key is created, shown once, and revoked after a confirmation", async () => {
    const page = await open(tenant.key);
    await page.getByRole("button", { name: "Create a key" }).click();
    await page.getByLabel("Name").fill("mobile app");
    await page.getByLabel("write: add, change and delete documents").check();
    await expectAccessible(page);
    await takeScreenshots(page, "operations-create");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "Your new key" });
    const secret = await dialog.getByText(/^cairn_/).innerText();
    expect(await statusOf(secret)).toBe(200);
    await takeScreenshots(page, "operations-secret");
    await page.getByRole("button", { name: "I have copied it" }).click();
    expect(await page.content()).not.toContain(secret);
    const row = page.getByRole("row", { name: /mobile app/ });
    expect(await row.innerText()).toContain("read, write");

    await page.getByRole("button", { name: "Revoke the key mobile app" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    expect(await statusOf(secret)).toBe(200);
    await page.getByRole("button", { name: "Revoke the key mobile app" }).click();
    await takeScreenshots(page, "operations-revoke");
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await row.waitFor({ state: "detached" });
    const { keys } = await fixture.call(tenant.key, "GET", "/v1/keys");
    expect(keys.find(({ name }: { name: string }) => name === "mobile app").revoked_at).not.toBeNull();
  });

  test("a key is rotated with the keyboard, and the old one keeps its grace period", async () => {
    const json = { name: "old", scopes: ["read"] };
    const { secret: old } = await fixture.call(tenant.key, "POST", "/v1/keys", json);
    const page = await open(tenant.key);
    await page.getByRole("button", { name: "Rotate the key old" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).focus();
    await page.keyboard.press("Enter");
    const secret = await page
      .getByRole("dialog", { name: "Your new key" })
      .getByText(/^cairn_/)
      .innerText();
    expect(await Promise.all([old, secret].map(statusOf))).toEqual([200, 200]);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  test("jobs show their progress and their errors without a reload", async () => {
    const page = await open(tenant.key);
    await page.getByText("There is no job yet.").waitFor();
    const documents = [
      { id: "good", content: "A kettle." },
      { id: "bad", content: " " },
    ];
    await fixture.call(tenant.key, "POST", "/v1/documents/bulk", { documents });
    await page
      .getByRole("row", { name: /ingest/ })
      .getByText("completed")
      .waitFor();
    await page.getByRole("button", { name: "Run now: index work of all collections" }).click();
    await page.getByText("Done.").waitFor();
    await expectAccessible(page);
    await takeScreenshots(page, "operations-tenant");
  });

  test("the operator sees the configuration in force without secrets, and acts for a tenant with a key that is revoked on leaving", async () => {
    const page = await open(fixture.operator);
    const setting = page.getByRole("row", { name: /--log-level/ });
    expect(await setting.innerText()).toContain("error");
    if (fixture.cli.databaseUrl) {
      expect(await page.getByRole("row", { name: /--database-url/ }).innerText()).toContain("set, hidden");
      expect(await page.content()).not.toContain(fixture.cli.databaseUrl);
    }
    await page.getByLabel(/Show all \d+ settings/).check();
    await page.getByRole("row", { name: /--trusted-proxies/ }).waitFor();
    await expectAccessible(page);
    await takeScreenshots(page, "operations-operator");
    await page.getByRole("link", { name: "Overview" }).click();
    await page.getByRole("table").getByRole("link", { name: "acme" }).click();
    await page.getByRole("button", { name: /^Open as this tenant/ }).click();
    await page.getByText("Operator, as acme").waitFor();
    await page.getByRole("row", { name: /console of the operator \(yours\)/ }).waitFor();
    await page.getByRole("button", { name: "Leave" }).click();
    await expect
      .poll(async () => {
        const { keys } = await fixture.call(tenant.key, "GET", "/v1/keys");
        return keys.find(({ name }: { name: string }) => name === "console of the operator").revoked_at;
      })
      .not.toBeNull();
  });

  test("a key without the scope admin says what it lacks, and one that expires signs out with the reason", async () => {
    const json = { name: "reader", scopes: ["read"], expires_at: new Date(Date.now() + 8_000).toISOString() };
    const { secret } = await fixture.call(tenant.key, "POST", "/v1/keys", json);
    const page = await fixture.signIn(secret);
    await page.getByRole("link", { name: "Operations" }).click();
    await page.getByText("A key with the scope admin shows and changes keys.").waitFor();
    // The list of jobs is requested again by itself.
    await page.getByText("The key is no longer valid. Sign in with another one.").waitFor();
  });

  test("no page reported an error, refused content or a request to another server", () => {
    expect(fixture.browser.errors).toEqual([]);
  });
});
