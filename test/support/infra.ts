import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, parse } from "node:path";
import { json } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** SST's platform, which `npx sst install` installs. */
export const PLATFORM = join(ROOT, ".sst/platform");

export interface Resource {
  readonly type: string;
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: any resource's inputs
  readonly inputs: any;
  /** Names of the resources in its `dependsOn` option. */
  readonly dependsOn: readonly string[];
}

/** A build request to SST's server: a function as its component describes it. */
export interface Build {
  readonly functionID: string;
  readonly handler: string;
  readonly links: Readonly<Record<string, unknown>>;
  readonly copyFiles: readonly { readonly from: string; readonly to: string }[];
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface Evaluation {
  readonly app: {
    readonly removal: string;
    readonly protect: boolean;
    readonly name: string;
    readonly providers: { readonly aws: object };
  };
  readonly resources: readonly Resource[];
  readonly builds: readonly Build[];
}

export interface EvaluateOptions {
  /** Path of a file that the builder treats as missing. */
  readonly missingFile?: string;
  /** Environment variables of the deploy. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Part of every secret's value. Tests assert that it appears in no environment variable. */
export const CANARY = "secret-canary-5e1f";

const cache = new Map<string, Promise<Evaluation>>();

/** The resources that `sst deploy` would create in a stage: the real configuration and SST's real components, under Pulumi's mocks. Cached by arguments. */
export function evaluateInfra(stage: string, options: EvaluateOptions = {}): Promise<Evaluation> {
  const key = JSON.stringify([stage, options]);
  const evaluation = cache.get(key) ?? evaluate(stage, options);
  cache.set(key, evaluation);
  return evaluation;
}

async function evaluate(stage: string, { missingFile, environment }: EvaluateOptions): Promise<Evaluation> {
  const outfile = join(PLATFORM, `cairn-infra-${randomUUID()}.mjs`);
  await bundleProgram(outfile);
  const builder = await startBuilder(missingFile);
  try {
    const names = [
      "DatabaseUrl",
      "DatabaseDirectUrl",
      "OpenAiApiKey",
      "ChatApiKey",
      "RerankApiKey",
      "ChromaUrl",
      "ChromaToken",
    ];
    const secrets = Object.fromEntries(names.map((name) => [`SST_SECRET_${name}`, `${CANARY}-${name}`]));
    const { stdout } = await promisify(execFile)(process.execPath, [outfile, stage, builder.folder], {
      cwd: ROOT,
      env: {
        ...process.env,
        ...secrets,
        SST_SERVER: builder.url,
        SST_SECRETS: "{}",
        CAIRN_ALARM_EMAIL: "ops@example.com",
        ...environment,
      },
      maxBuffer: 50_000_000,
    });
    return { ...JSON.parse(stdout), builds: builder.builds } as Evaluation;
  } finally {
    await builder.stop();
    await rm(outfile, { force: true });
  }
}

/** Each function with its resource, its role and the name of its file. */
export function functionsOf({ builds, resources }: Evaluation) {
  return builds.map((build) => {
    const find = (type: string, suffix: string) =>
      resources.find((resource) => resource.type === type && resource.name === build.functionID + suffix) as Resource;
    const { inputs, dependsOn } = find("aws:lambda/function:Function", "Function");
    const role = find("aws:iam/role:Role", "Role").inputs;
    return { name: parse(build.handler).name, build, inputs, dependsOn, role };
  });
}

/** The globals that SST's CLI sets before it runs a configuration. */
const GLOBALS = `import { createRequire as cairnRequire } from "node:module";
const require = cairnRequire(import.meta.url);
globalThis.$app = { name: "cairn", providers: { aws: {} } };
globalThis.$dev = false;
globalThis.$cli = { command: "deploy", rpc: "", state: { version: {} }, paths: { root: process.cwd(), home: "/tmp",
  work: process.argv[3], platform: process.cwd() + "/.sst/platform" } };`;

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

/** A fake of SST's build server. It records build requests and fails for a function whose file is missing. */
async function startBuilder(missingFile: string | undefined) {
  const folder = await mkdtemp(join(tmpdir(), "cairn-infra-"));
  const out = join(folder, "bundle");
  await mkdir(out);
  await writeFile(join(out, "index.mjs"), "export const handler = () => {};");
  const builds: Build[] = [];
  const server = createServer(async (request, response) => {
    const { method, params } = (await json(request)) as {
      readonly method: string;
      readonly params: readonly [Build];
    };
    const respond = async () => {
      if (method === "Provider.Aws.Bootstrap") return { asset: "assets", assetEcrUrl: "", assetEcrRegistryId: "" };
      if (method !== "Runtime.Build") return {};
      const [build] = params;
      builds.push(build);
      const file = `${parse(build.handler).dir}/${parse(build.handler).name}.ts`;
      const exists = file !== missingFile && existsSync(join(ROOT, file));
      return {
        handler: "index.handler",
        out,
        errors: exists ? [] : [`The file ${file} does not exist.`],
        sourcemaps: [],
      };
    };
    response.end(JSON.stringify({ result: await respond() }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    builds,
    folder,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}
