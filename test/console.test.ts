import { gzipSync } from "node:zlib";
import { buildConsole } from "@cairn/console/build.ts";
import { describe, expect, test } from "vitest";
import { BROWSER, expectAccessible, NO_BROWSER, takeScreenshots } from "./support/browser.ts";
import { useConsole } from "./support/console.ts";

test("the files of the console have less than 200 kB, compressed", async () => {
  const files = await buildConsole();
  const bytes = [...files.values()].reduce((sum, content) => sum + gzipSync(content).length, 0);
  expect(bytes).toBeLessThan(200_000);
});

describe.skipIf(!BROWSER)(`the console in Chromium${BROWSER ? "" : ` (skipped: ${NO_BROWSER})`}`, () => {
  const fixture = useConsole();

  const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    fetch(`${fixture.service.url}${path}`, { headers, redirect: "manual" });

  test("a browser on the root is sent to the console, and other clients get what they got before", async () => {
    const browser = await get("/", { accept: "text/html,application/xhtml+xml" });
    expect([browser.status, browser.headers.get("location")]).toEqual([302, "/console"]);
    const client = await get("/");
    expect([client.status, ((await client.json()) as { code: string }).code]).toEqual([404, "not_found"]);
    const posted = await fetch(fixture.service.url, { method: "POST", headers: { accept: "text/html" } });
    expect(posted.status).toBe(404);
  });

  test("the page is read again at each visit, its files are cached, and only files of the service are allowed", async () => {
    const page = await get("/console");
    expect(page.headers.get("cache-control")).toBe("no-store");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
    expect(page.headers.get("content-security-policy")).not.toContain("unsafe");
    const names = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name = ""]) => name);
    expect(names.length).toBeGreaterThan(2);
    for (const name of names) {
      const file = await get(name);
      expect([name, file.status]).toEqual([expect.stringMatching(/-[A-Z0-9]{8}\./), 200]);
      expect(file.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    }
    for (const name of ["page.html", "..%2fpackage.json", "main.js", "constructor"])
      expect((await get(`/console/${name}`)).status, name).toBe(404);
  });

  test("a key that the service refuses is refused with the reason, and can be corrected with the keyboard alone", async () => {
    const page = await fixture.browser.open(`${fixture.service.url}/`);
    await page.getByLabel("API key").waitFor();
    await expectAccessible(page);
    await takeScreenshots(page, "sign-in");
    await page.getByLabel("API key").focus();
    await page.keyboard.type("cairn_wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("The key is unknown").waitFor();
    await page.getByLabel("API key").fill(fixture.operator);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
  });

  test("the key is kept in the tab only, survives a reload, and is forgotten after signing out", async () => {
    const page = await fixture.signIn(fixture.operator);
    await page.reload();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    expect(await page.evaluate("localStorage.length + document.cookie.length")).toBe(0);
    expect(page.url()).not.toContain("cairn_");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(await page.evaluate("sessionStorage.length")).toBe(0);
  });

  test("no page reported an error, refused content or a request to another server", () => {
    expect(fixture.browser.errors).toEqual([]);
  });
});
