import type { Page } from "playwright-core";
import { startBrowser, type TestBrowser } from "./browser.ts";
import type { CairnCli } from "./cairn-cli.ts";
import { useCairnCli } from "./cairn-cli.ts";
import { type RunningService, startServe } from "./cairn-serve.ts";
import { useResource } from "./fixture.ts";

export interface ConsoleFixture {
  readonly cli: CairnCli;
  readonly service: Pick<RunningService, "url" | "output">;
  readonly browser: TestBrowser;
  /** A key of the operator. */
  readonly operator: string;
  /** Opens the console and signs in with a key. */
  signIn(key: string): Promise<Page>;
  /** Creates the tenant if it does not exist, and returns a new key of it. Default scopes: read and write. */
  addTenant(name: string, scopes?: readonly string[]): Promise<string>;
  /** Sends a request to the service and returns the JSON of its response. Throws if the response is an error. */
  call(key: string, method: string, path: string, body?: object): Promise<ReturnType<typeof JSON.parse>>;
}

/** A running `cairn serve` and a browser for the tests of the file. Flags that depend on other fixtures are a function. */
export function useConsole(flags: readonly string[] | (() => readonly string[]) = []): ConsoleFixture {
  const cli = useCairnCli();
  const started = useResource(
    async () => {
      if (cli.databaseUrl) await expectDone(cli, "db", "migrate");
      const operator = (await expectDone(cli, "keys", "create", "--operator")).trim();
      const service = await startServe(cli, { flags: typeof flags === "function" ? flags() : flags });
      return { operator, service, browser: await startBrowser() };
    },
    async ({ service, browser }) => {
      await browser.stop();
      await service.stop();
    },
  );
  const call: ConsoleFixture["call"] = async (key, method, path, body) => {
    const response = await fetch(`${started.service.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
    return text && JSON.parse(text);
  };
  return {
    cli,
    call,
    async addTenant(name, scopes = ["read", "write"]) {
      const all: readonly { readonly id: string; readonly name: string }[] = (
        await call(started.operator, "GET", "/v1/tenants")
      ).tenants;
      const { id } =
        all.find((tenant) => tenant.name === name) ?? (await call(started.operator, "POST", "/v1/tenants", { name }));
      return (await call(started.operator, "POST", `/v1/tenants/${id}/keys`, { scopes })).secret;
    },
    get operator() {
      return started.operator;
    },
    get service() {
      return started.service;
    },
    get browser() {
      return started.browser;
    },
    async signIn(key) {
      const page = await started.browser.open(`${started.service.url}/console`);
      await page.getByLabel("API key").fill(key);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("navigation").waitFor();
      return page;
    },
  };
}

async function expectDone(cli: CairnCli, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await cli.run(args);
  if (code !== 0) throw new Error(`cairn ${args.join(" ")} failed: ${err}`);
  return out;
}
