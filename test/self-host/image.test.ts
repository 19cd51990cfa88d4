import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { createEmptyDatabase, serverUrl, type TestDatabase } from "../support/database.ts";
import { type Container, createContainer, type ImageConfig, type RunningContainer } from "./container.ts";

// The image of the Dockerfile, built by `test/self-host/build-image` in a clean Debian: what a container engine would start.

/** The folder that `build-image` filled. It needs root and Debian's packages; `.ci/run` makes it. */
const folder = process.env.CAIRN_TEST_IMAGE;

/** Time limit for the first start, which creates a database. It is long because the machine may be busy. */
const START_TIMEOUT_MS = 120_000;

describe.skipIf(!folder)("the image", () => {
  let container: Container;
  let config: ImageConfig;
  beforeAll(async () => {
    container = await createContainer(folder ?? "");
    config = await container.config();
  });
  afterAll(() => container?.remove());

  async function start(variables: Readonly<Record<string, string>>) {
    const PORT = String(await freePort());
    const running = container.start([...config.Entrypoint, ...config.Cmd], { ...variables, PORT });
    const url = `http://127.0.0.1:${PORT}`;
    const isReady = () =>
      fetch(`${url}/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await vi.waitUntil(isReady, { timeout: START_TIMEOUT_MS, interval: 200 }).catch(() => {
      throw new Error(`The container is not ready: ${running.output()}`);
    });
    return { ...running, url, port: PORT };
  }

  /** The command of the health check succeeds. */
  const isHealthy = (port: string) =>
    container.run(config.Healthcheck.Test.slice(1), { PORT: port }).then(
      () => true,
      () => false,
    );

  test("starts `cairn serve` as an unprivileged user, with a volume and a port", async () => {
    expect(config).toMatchObject({
      Entrypoint: ["cairn"],
      Cmd: ["serve"],
      User: "node",
      Volumes: { "/var/lib/cairn": {} },
      ExposedPorts: { "8787/tcp": {} },
    });
    const probe = "id -u; cd /var/lib/cairn && touch x && rm x; test -w /opt/cairn || echo read-only";
    expect(await container.run(["sh", "-c", probe])).toBe("1000\nread-only");
  });

  test("contains the package without tests, sources, links to the repository and development dependencies", async () => {
    const find = (...conditions: readonly string[]) => container.run(["find", "/opt/cairn", ...conditions]);
    expect(await find("-name", "*.ts", "-not", "-name", "*.d.ts")).toBe("");
    expect(await find("-name", "*.test.*", "-not", "-path", "*/node_modules/*")).toBe("");
    expect(await find("-path", "*/node_modules/@cairn")).toBe("");
    expect(await find("-path", "*/node_modules/typescript", "-o", "-path", "*/node_modules/onnxruntime-node")).toBe("");
    const megabytes = Number((await container.run(["du", "-sm", "/opt/cairn"])).split("\t")[0]);
    expect(megabytes).toBeLessThan(160);
  });

  test("without any settings serves the embedded database and finds a text by its meaning", {
    timeout: 2 * START_TIMEOUT_MS,
  }, async () => {
    const service = await start({});
    const key = await vi.waitUntil(() => /^ {2}(cairn_\S+)$/m.exec(service.output())?.[1], START_TIMEOUT_MS);
    const send = async (path: string, body: object) => {
      const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
      return (await fetch(service.url + path, { method: "POST", headers, body: JSON.stringify(body) })).json();
    };
    const documents = [
      { id: "returns", content: "You may send back anything within 60 days. Refunds go to the card you paid with." },
      { id: "hours", content: "The shop is open from nine to five on weekdays." },
    ];
    expect(await send("/v1/documents", { documents })).toMatchObject({ ids: ["returns", "hours"] });
    expect(await send("/v1/query", { query: "can I get my money back", top_k: 1 })).toMatchObject({
      hits: [{ id: "returns" }],
    });
    expect(await isHealthy(service.port)).toBe(true);
    expect(await service.stop(), service.output()).toBe(0);
    expect(await isHealthy(service.port)).toBe(false);
  });

  describe.runIf(serverUrl())("with a PostgreSQL server", () => {
    let database: TestDatabase;
    let running: RunningContainer | undefined;
    beforeAll(async () => {
      database = await createEmptyDatabase();
    });
    afterAll(async () => {
      await running?.stop();
      await database.drop();
    });

    test("migrates the schema, serves, and keeps /metrics on its private address", async () => {
      const DATABASE_URL = database.url as string;
      expect(await container.run(["cairn", "db", "migrate"], { DATABASE_URL })).toMatch(/^Applied 0001_/);
      expect(await container.run(["cairn", "db", "migrate"], { DATABASE_URL })).toBe("The schema is up to date.");
      const privatePort = await freePort();
      const service = await start({ DATABASE_URL, CAIRN_PRIVATE_LISTEN: `127.0.0.1:${privatePort}` });
      running = service;
      expect((await fetch(`${service.url}/metrics`)).status).toBe(404);
      expect((await fetch(`http://127.0.0.1:${privatePort}/metrics`)).status).toBe(200);
      expect(await isHealthy(service.port)).toBe(true);
      expect(await service.stop(), service.output()).toBe(0);
      running = undefined;
    });
  });
});

test.skipIf(!folder)("systemd accepts the unit, and a misspelt key of it is found", async () => {
  const unit = (await readFile(new URL("../../deploy/cairn.service", import.meta.url), "utf8")).replaceAll(
    "/opt/cairn/node_modules/.bin/cairn",
    "/bin/true", // the program has to exist
  );
  const directory = await mkdtemp(join(tmpdir(), "cairn-unit-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const verify = async (text: string) => {
    await writeFile(join(directory, "cairn.service"), text);
    const { stderr } = await promisify(execFile)("systemd-analyze", ["verify", join(directory, "cairn.service")]);
    return stderr.split("\n").filter((line) => line.includes("cairn.service"));
  };
  expect(await verify(unit)).toEqual([]);
  expect(await verify(unit.replace("RestartSec=", "RestartSecs="))).toEqual([expect.stringContaining("RestartSecs")]);
});

/** A port that was free a moment ago. The image's port cannot be 0, because its health check has to know it. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
