import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { buildConsole } from "@cairn/console/build.ts";
import { Miniflare, Response as WorkerResponse } from "miniflare";

const FOLDER = fileURLToPath(new URL("../../packages/functions/cloudflare/", import.meta.url));

/** A worker that forwards dead letters to the test. */
const DEAD_LETTER_WORKER = `export default {
  async queue({ messages }, { DEAD_LETTERS }) {
    for (const { body } of messages) await DEAD_LETTERS.fetch("http://test", { method: "POST", body: JSON.stringify(body) });
  },
};`;

/** The worker as wrangler bundles it. Only its driver is configured, with the relay's address. */
export async function bundleWorker(port: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "cairn-worker-"));
  const entry = join(folder, "entry.ts");
  await writeFile(
    entry,
    `import { neonConfig } from ${JSON.stringify(fileURLToPath(import.meta.resolve("@neondatabase/serverless")))};
    Object.assign(neonConfig, {
      fetchEndpoint: () => "http://127.0.0.1:${port}/sql",
      wsProxy: (host, hostPort) => "127.0.0.1:${port}/v2?address=" + host + ":" + hostPort,
      useSecureWebSocket: false, pipelineConnect: false, pipelineTLS: false,
    });
    export { default } from ${JSON.stringify(join(FOLDER, "worker.ts"))};`,
  );
  const wrangler = fileURLToPath(new URL("../bin/wrangler.js", import.meta.resolve("wrangler")));
  const args = ["deploy", entry, "--dry-run", "--outdir", join(folder, "out"), "-c", join(FOLDER, "wrangler.jsonc")];
  await promisify(execFile)(process.execPath, [wrangler, ...args], {
    cwd: FOLDER,
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_LOG_PATH: folder },
  });
  const text = await readFile(join(folder, "out", "entry.js"), "utf8");
  await rm(folder, { recursive: true });
  return text;
}

export interface WorkerOptions {
  /** Port of the relay that Neon's driver connects to. */
  readonly relayPort: number;
  readonly bindings: Readonly<Record<string, string | number>>;
  readonly onDeadLetter: (message: unknown) => void;
}

/** Starts the worker on workerd with its queues. Wait for `ready` before the first request. */
export async function startWorker({ relayPort, bindings, onDeadLetter }: WorkerOptions): Promise<Miniflare> {
  const assets = await buildConsole();
  const runtime = { compatibilityDate: "2026-07-01", compatibilityFlags: ["nodejs_compat"] };
  return new Miniflare({
    workers: [
      {
        ...runtime,
        name: "cairn",
        modules: [{ type: "ESModule", path: "worker.mjs", contents: await bundleWorker(relayPort) }],
        bindings,
        serviceBindings: {
          ASSETS({ url }: { readonly url: string }) {
            const file = assets.get(new URL(url).pathname.slice(1));
            return new WorkerResponse(file ?? null, { status: file ? 200 : 404 });
          },
        },
        queueProducers: { JOBS: "jobs", DEAD_JOBS: "dead" },
        queueConsumers: { jobs: { maxBatchSize: 1, maxBatchTimeout: 0, maxRetries: 5 } },
      },
      {
        ...runtime,
        name: "dead-letters",
        modules: [{ type: "ESModule", path: "dead-letters.mjs", contents: DEAD_LETTER_WORKER }],
        queueConsumers: { dead: { maxBatchTimeout: 0 } },
        serviceBindings: {
          async DEAD_LETTERS(request: Request) {
            onDeadLetter(await request.json());
            return new Response();
          },
        },
      },
    ],
    unsafeTriggerHandlers: true,
    handleRuntimeStdio: () => {},
  });
}
