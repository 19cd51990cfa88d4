import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { expect } from "vitest";

/** Milliseconds until what a test waits for is missing, on a busy machine. */
const BUSY_TIMEOUT_MS = 120_000;

/** The browser of the tests: the path in CAIRN_TEST_BROWSER, or Debian's Chromium. Undefined: there is none. */
export const BROWSER = [process.env.CAIRN_TEST_BROWSER, "/usr/bin/chromium"].find((path) => path && existsSync(path));

/** Why tests in a browser are skipped. */
export const NO_BROWSER = "there is no Chromium at /usr/bin/chromium, and CAIRN_TEST_BROWSER names no other";

/** Screenshots, by test file. Git ignores the folder. */
const SCREENSHOTS = fileURLToPath(new URL("../screenshots/", import.meta.url));

const AXE = fileURLToPath(import.meta.resolve("axe-core/axe.min.js"));

/** Widths of the screenshots, in pixels: a laptop and a phone. */
const WIDTHS = [1280, 390] as const;

export interface TestBrowser {
  /** Opens a page in a session of its own. The test fails at its end if the page reported an error. */
  open(url: string, options?: { readonly colorScheme?: "light" | "dark" }): Promise<Page>;
  /** Errors that the pages reported: uncaught exceptions, refused content, failed requests for files. */
  readonly errors: readonly string[];
  stop(): Promise<void>;
}

export async function startBrowser(): Promise<TestBrowser> {
  const browser: Browser = await chromium.launch({ executablePath: BROWSER, args: ["--no-sandbox"] });
  const errors: string[] = [];
  return {
    errors,
    async open(url, { colorScheme = "light" } = {}) {
      const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 900 } });
      await context.grantPermissions(["clipboard-read", "clipboard-write"]);
      context.setDefaultTimeout(BUSY_TIMEOUT_MS);
      const page = await context.newPage();
      page.on("pageerror", (error) => errors.push(error.message));
      page.on("console", (message) => {
        const isRefusal = /Content Security Policy|Refused to/.test(message.text());
        if (isRefusal) errors.push(message.text());
      });
      page.on("request", (request) => {
        if (new URL(request.url()).origin !== new URL(url).origin) errors.push(`a request to ${request.url()}`);
      });
      await page.goto(url);
      return page;
    },
    stop: () => browser.close(),
  };
}

/** Asserts that axe finds no violation, in light and in dark mode. */
export async function expectAccessible(page: Page): Promise<void> {
  const source = await readFile(AXE, "utf8");
  for (const colorScheme of ["dark", "light"] as const) {
    await page.emulateMedia({ colorScheme });
    // Through the debugger: the page's content security policy refuses an added script.
    const violations = await page.evaluate(
      `(() => { if (!globalThis.axe) { ${source} }
        return axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
          violations.map(({ id, help, nodes }) => [id, help, ...nodes.map(({ html }) => html)])); })()`,
    );
    expect(violations, colorScheme).toEqual([]);
  }
}

/** Takes screenshots of the whole page at 1280 and 390 pixels, and at 1280 in dark mode. Asserts that nothing overflows. */
export async function takeScreenshots(page: Page, name: string): Promise<void> {
  await mkdir(SCREENSHOTS, { recursive: true });
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: width > 600 ? 900 : 844 });
    await page.screenshot({ path: join(SCREENSHOTS, `${name}-${width}.png`), fullPage: true });
    const overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    expect(overflow, `${name} at ${width} px scrolls sideways`).toBeLessThanOrEqual(0);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}-dark.png`), fullPage: true });
  await page.emulateMedia({ colorScheme: "light" });
}
