import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { CAIRN, databaseEnvironment, useCairnCli } from "./support/cairn-cli.ts";
import { type RunningService, startServe } from "./support/cairn-serve.ts";
import { chromaPeer } from "./support/chroma-api.ts";
import { serverUrl } from "./support/database.ts";
import { createChromaDatabase } from "./support/migration.ts";

// `cairn cutover` next to `cairn serve --chroma` in front of a real Chroma server. An embedded database can be opened by one process only.

describe.runIf(serverUrl())("cairn cutover", () => {
  const cli = useCairnCli();
  const chroma = chromaPeer(inject("chromaUrl"));
  let gateway: RunningService;
  let chromaDatabase: string;
  let base: string;
  let key: string;
  beforeAll(async () => {
    chromaDatabase = await createChromaDatabase(inject("chromaUrl"));
    base = `/api/v2/tenants/default_tenant/databases/${chromaDatabase}`;
    await cli.run(["db", "migrate"]);
    await cli.run(["namespaces", "create", "shop"]);
    key = (await cli.json("namespaces", "keys", "create", "shop")).secret;
    gateway = await startServe(cli, { flags: ["--chroma", inject("chromaUrl")] });
  });
  afterAll(() => gateway?.stop());

  async function send(method: string, path: string, body?: object) {
    const response = await fetch(`${gateway.url}${base}${path}`, {
      method,
      headers: { "X-Chroma-Token": key, "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  }

  async function createCollection(tenant: string): Promise<string> {
    const { body } = await send("POST", "/collections", { name: `tenant_${tenant}_faq` });
    await send("POST", `/collections/${body.id}/add`, {
      ids: ["a", "b"],
      embeddings: [
        [1, 0],
        [0, 1],
      ],
      documents: ["a", "b"],
    });
    return `/collections/${body.id}`;
  }

  const cutover = (...args: string[]) => cli.run(["cutover", ...args]);
  const LIMITS = ["--settle", "0", "--min-reads", "3"];

  test("a tenant moves to Cairn and back, and each command says what is next", async () => {
    const at = await createCollection("harbor");
    expect((await cutover()).out).toMatch(/Every tenant is in the phase chroma\. Next: npx cairn cutover advance/);
    expect((await cutover("status", "--tenant", "harbor co")).out).toMatch(
      /Next: npx cairn cutover advance --tenant 'harbor co'/,
    );
    expect(await cutover("advance", "--tenant", "harbor")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^harbor is in the phase mirror\.\nNext: npx cairn cutover status --tenant harbor\n$/),
    });
    expect(await cutover("advance", "--tenant", "harbor")).toMatchObject({
      code: 2,
      err: expect.stringMatching(/cannot enter the phase shadow.*--force|cannot enter the phase shadow/s),
    });
    const shadow = await cutover("advance", "--tenant", "harbor", "--wait", ...LIMITS);
    expect(shadow).toMatchObject({ code: 0, out: expect.stringContaining("harbor is in the phase shadow.") });
    const wait = ["cutover", "advance", "--tenant", "harbor", "--wait", ...LIMITS];
    const stopped = await cli.run(wait, { stopAt: /^harbor waits for cairn: .*reads were compared/m });
    expect(stopped).toMatchObject({
      code: 130,
      err: expect.stringContaining("0 reads were compared in this phase; 3 are"),
    });
    for (let n = 0; n < 5; n++) await send("POST", `${at}/query`, { query_embeddings: [[1, 0]], n_results: 2 });
    expect(await cli.run(wait)).toMatchObject({
      code: 0,
      out: expect.stringContaining("harbor is in the phase cairn."),
    });
    expect((await send("POST", `${at}/add`, { ids: ["c"], embeddings: [[1, 1]], documents: ["c"] })).status).toBe(201);
    const status = await cutover("status", "--tenant", "harbor");
    expect(status.out).toMatch(/phase {5}cairn since .*: Cairn answers, Chroma follows/);
    expect(status.out).toMatch(/The next phase, done, requires:\n {2}[✓✗] identical/);
    expect(await cutover("advance", "--tenant", "harbor", "--wait")).toMatchObject({
      code: 2,
      err: expect.stringContaining("nobody goes back from there"),
    });
    expect(status.out).toContain("Next: npx cairn cutover advance --tenant harbor --to done");
    expect(await cutover("back", "--tenant", "harbor", "--to", "chroma")).toMatchObject({
      code: 0,
      out: expect.stringContaining("harbor is in the phase chroma."),
    });
    expect(JSON.parse((await chroma.request("GET", `${base}${at}/count`)).text)).toBe(3);
    expect(await cutover("back", "--tenant", "harbor")).toMatchObject({ code: 2 });
    // What was written in Cairn is in Chroma by now, so nothing keeps the tenant from leaving again.
    expect(await cutover("advance", "--tenant", "harbor")).toMatchObject({ code: 0 });
  }, 600_000);

  test("--force names what it overrides on standard error, and --json prints the status only", async () => {
    await createCollection("forced");
    await cutover("advance", "--tenant", "forced");
    const forced = await cutover("advance", "--tenant", "forced", "--force", "--json");
    expect(JSON.parse(forced.out)).toMatchObject({ phase: "shadow", next: { phase: "cairn" } });
    expect(forced.err).toMatch(/^forced: overridden.*✗ identical/s);
    expect(await cutover("advance", "--tenant", "forced", "--to", "done", "--force")).toMatchObject({ code: 2 });
    await cli.run(["tenants", "create", "moved before"]);
    const done = await cutover("advance", "--tenant", "moved before", "--to", "done", "--force", "--namespace", "shop");
    expect(done).toMatchObject({ code: 0, out: expect.stringContaining("--tenant 'moved before'") });
    expect(done.err).toContain("already_moved");
  });

  test("--all with --chroma enrolls the tenants that Chroma has, goes on after a failure, and counts them", async () => {
    for (const tenant of ["one", "two", "three"]) await createCollection(tenant);
    await send("POST", "/collections", { name: "tenant_broken_faq" });
    // Documents that were written in Cairn keep a tenant from its first phase.
    await cli.run(["tenants", "create", "broken"]);
    await cli.run(["ingest", "--tenant", "broken", "--id", "own"], { input: "written here" });
    const scope = ["--chroma-database", chromaDatabase];
    const enrolled = await cutover("advance", "--all", "--chroma", inject("chromaUrl"), ...scope);
    expect(enrolled.code).toBe(1);
    expect(enrolled.out).toMatch(/^3 tenants advanced, 1 failed/m);
    for (const tenant of ["one", "two", "three"]) expect(enrolled.out).toContain(`${tenant} is in the phase mirror.`);
    expect(enrolled.err).toMatch(/^broken: error \(invalid_input\): .*written here/m);
    const again = JSON.parse(
      (await cutover("advance", "--all", "--chroma", inject("chromaUrl"), ...scope, "--json")).out,
    );
    expect(again).toMatchObject({ advanced: [], failed: [{ tenant: "broken" }] });
    expect(again.leftOut).toEqual(expect.arrayContaining(["one", "three", "two"]));
    const shadow = await cutover("advance", "--all", "--to", "shadow", "--wait", ...LIMITS);
    expect(shadow.out).toContain("two is in the phase shadow.");
    const table = (await cutover("status", "--all")).out;
    expect(table).toMatch(/^tenant +phase +since +journal +compared +reads +agreement +findings$/m);
    expect(table).toMatch(/^three +shadow +\S+ \S+ +0 +identical, 2 records/m);
    const back = await cutover("back", "--all", "--to", "mirror");
    expect(back).toMatchObject({ out: expect.stringContaining("one is in the phase mirror.") });
  }, 600_000);

  test("a comparison finds what bypassed the gateway, and its exit code says that both sides are equal", async () => {
    const at = await createCollection("compared");
    await cutover("advance", "--tenant", "compared");
    expect(await cutover("compare", "--tenant", "compared", "--wait")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^compared: identical, 2 records/),
    });
    // In the phase mirror, a write from before it may still explain a difference.
    await cutover("advance", "--tenant", "compared", "--wait", ...LIMITS);
    await chroma.request("POST", `${base}${at}/add`, { ids: ["by hand"], embeddings: [[1, 1]], documents: ["x"] });
    const found = await cutover("compare", "--tenant", "compared", "--wait", "--json");
    expect(JSON.parse(found.out)).toMatchObject({ compared: { records: 3, bypassed: 1, identical: true } });
    expect(await cutover("compare", "--tenant", "moved before")).toMatchObject({
      code: 2,
      err: expect.stringContaining("in the phase done"),
    });
  }, 600_000);

  test("settings are shown and changed", async () => {
    await createCollection("set");
    await cutover("advance", "--tenant", "set");
    expect((await cutover("settings", "--tenant", "set")).out).toBe("set: strict off, sample default\n");
    expect((await cutover("settings", "--tenant", "set", "--strict", "on", "--sample", "0.25")).out).toBe(
      "set: strict on, sample 0.25\n",
    );
    expect(await cli.json("cutover", "settings", "--tenant", "set", "--sample", "default")).toEqual({ strict: true });
    expect(await cutover("settings", "--tenant", "set", "--sample", "2")).toMatchObject({ code: 2 });
    expect(await cutover("settings", "--tenant", "nobody", "--strict", "on")).toMatchObject({ code: 1 });
  });

  /** Runs `cairn cutover watch` until its output matches, and returns its lines. */
  async function watchUntil(pattern: RegExp, work: () => Promise<unknown>, flags: readonly string[] = []) {
    const watch = spawn(process.execPath, [CAIRN, "cutover", "watch", ...flags], {
      cwd: cli.folder,
      env: { ...process.env, ...databaseEnvironment(cli.databaseUrl) },
    });
    let out = "";
    watch.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    await work();
    await expect.poll(() => out, { timeout: 120_000 }).toMatch(pattern);
    await sleep(2_500);
    watch.kill("SIGINT");
    expect((await once(watch, "close"))[0]).toBe(130);
    return out.trimEnd().split("\n");
  }

  test("watch prints a line when a tenant changes, until Ctrl-C", async () => {
    const move = async () => {
      await createCollection("watched");
      await cutover("advance", "--tenant", "watched");
    };
    const lines = await watchUntil(/ {2}watched {2}mirror {2}.*identical, 2 records/, move, ["--tenant", "watched"]);
    const states = lines.map((line) => line.replace(/^\S+/, ""));
    expect(states.filter((state, at) => state === states[at - 1])).toEqual([]);
    const json = await watchUntil(/watched/, async () => {}, ["--tenant", "watched", "--json"]);
    expect(json.map((line) => JSON.parse(line))[0]).toMatchObject({ tenant: { name: "watched" }, phase: "mirror" });
  }, 600_000);

  test("--wait does not wait for a condition that time does not change", async () => {
    await cli.run(["tenants", "create", "local"]);
    await cli.run(["ingest", "--tenant", "local", "-"], { input: "Written in Cairn." });
    const refused = await cutover("advance", "--tenant", "local", "--wait");
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("Waiting does not help") });
  });

  test("the service says that it is a gateway", () => {
    expect(gateway.output()).toContain(`in front of the Chroma server at ${new URL(inject("chromaUrl")).host}`);
  });

  test("the report is a page in the file that --out names", async () => {
    const written = await cutover("report", "--tenant", "compared", "--out", "state.html", "--hours", "2");
    expect(written).toMatchObject({ code: 0, out: "The report of 1 tenant is in state.html.\n" });
    expect(await readFile(join(cli.folder, "state.html"), "utf8")).toMatch(/^<!doctype html>[\s\S]*compared/);
    expect(await cutover("report", "--out", "no/such/folder.html")).toMatchObject({
      code: 2,
      err: expect.stringContaining("--out"),
    });
    expect(await cutover("report", "--tenant", "nobody")).toMatchObject({ code: 1 });
  });

  test("a command names one tenant or all of them", async () => {
    for (const command of ["advance", "back", "compare", "settings"]) {
      expect(await cutover(command)).toMatchObject({ code: 2, err: expect.stringContaining("--tenant") });
      expect(await cutover(command, "--tenant", "harbor", "--all")).toMatchObject({ code: 2 });
    }
    expect(await cutover("advance", "--tenant", "harbor", "--chroma", "http://127.0.0.1:9")).toMatchObject({ code: 2 });
    expect(await cutover("advance", "--tenant", "harbor", "--force", "--wait")).toMatchObject({ code: 2 });
  });

  test("/metrics of the gateway shows the phases and what was written", async () => {
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(text).toMatch(/^cairn_chroma_up 1$/m);
    expect(text).toMatch(/^cairn_cutover_tenants\{phase="mirror"\} [1-9]\d*$/m);
    expect(text).toMatch(/^cairn_cutover_writes_total\{side="cairn",outcome="ok"\} [1-9]\d*$/m);
  });
});
