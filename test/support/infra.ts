import { execFile } from "node:child_process";
import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** SST's platform, as `npx sst install` puts it down. */
export const PLATFORM = join(ROOT, ".sst/platform");

export interface Resource {
  readonly type: string;
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: any resource's inputs
  readonly inputs: any;
}

export interface Evaluated {
  readonly app: { readonly removal: string; readonly protect: boolean; readonly name: string };
  readonly resources: readonly Resource[];
}

/** A value of every secret, to look for where it must not be. */
export const CANARY = "secret-canary-5e1f";

/** What `sst deploy` would make in a stage: the real configuration and SST's real components, under Pulumi's mocks. `without`: as if this file were gone. */
export async function evaluateInfra(
  stage: string,
  { without }: { readonly without?: string } = {},
): Promise<Evaluated> {
  const outfile = join(PLATFORM, `cairn-infra-${stage}.mjs`);
  await bundleProgram(outfile);
  const builder = await startBuilder(without);
  try {
    const names = ["DatabaseUrl", "DatabaseDirectUrl", "OpenAiApiKey", "ChromaUrl", "ChromaToken"];
    const secrets = Object.fromEntries(names.map((name) => [`SST_SECRET_${name}`, `${CANARY}-${name}`]));
    const { stdout } = await promisify(execFile)(process.execPath, [outfile, stage], {
      cwd: ROOT,
      env: {
        ...process.env,
        ...secrets,
        SST_SERVER: builder.url,
        SST_SECRETS: "{}",
        CAIRN_ALARM_EMAIL: "ops@example.com",
      },
      maxBuffer: 50_000_000,
    });
    return JSON.parse(stdout) as Evaluated;
  } finally {
    await builder.stop();
    await rm(outfile, { force: true });
  }
}

/** What SST's command line sets before it runs a configuration. */
const GLOBALS = `import { createRequire as cairnRequire } from "node:module";
const require = cairnRequire(import.meta.url);
globalThis.$app = { name: "cairn", providers: { aws: {} } };
globalThis.$dev = false;
globalThis.$cli = { command: "deploy", rpc: "", state: { version: {} }, paths: { root: process.cwd(), home: "/tmp",
  work: process.cwd() + "/.sst", platform: process.cwd() + "/.sst/platform" } };`;

async function bundleProgram(outfile: string): Promise<void> {
  const contents = await readFile(new URL("infra-program.mjs", import.meta.url), "utf8");
  await build({
    stdin: { contents, resolveDir: PLATFORM, sourcefile: "infra-program.mjs" },
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    mainFields: ["module", "main"],
    external: ["@pulumi/*", "@aws-sdk/*", "undici", "esbuild"],
    inject: [join(PLATFORM, "src/shim/run.js")],
    banner: { js: GLOBALS },
    logLevel: "silent",
  });
}

/** Stands for SST's own server, which builds functions: it fails where a function's file is missing. */
async function startBuilder(without: string | undefined) {
  const out = await mkdtemp(join(tmpdir(), "cairn-infra-"));
  await writeFile(join(out, "index.mjs"), "export const handler = () => {};");
  const server = createServer(async (request, response) => {
    const { method, params } = (await json(request)) as {
      readonly method: string;
      readonly params: readonly { readonly handler?: string }[];
    };
    const answer = async () => {
      if (method === "Provider.Aws.Bootstrap")
        return { asset: "assets", assetEcrUrl: "", assetEcrRegistryId: "" };
      if (method !== "Runtime.Build") return {};
      const file = `${params[0]?.handler?.replace(/\.handler$/, "")}.ts`;
      const missing = await access(join(ROOT, file === without ? `${file}.gone` : file)).then(
        () => [],
        () => [`There is no ${file}.`],
      );
      return { handler: "index.handler", out, errors: missing, sourcemaps: [] };
    };
    response.end(JSON.stringify({ result: await answer() }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(out, { recursive: true });
    },
  };
}
