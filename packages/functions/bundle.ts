import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundling } from "./bundling.ts";

export interface Bundle {
  readonly folder: string;
  /** The file whose `handler` the runtime calls. */
  readonly entry: string;
  /** Bytes that are loaded before the first event: the entry and what it imports at once. */
  readonly eager: number;
  /** Bytes in all, with what is imported when it is first needed. */
  readonly total: number;
  /** The sources in it. */
  readonly inputs: readonly string[];
  /** Those that are loaded before the first event. */
  readonly eagerInputs: readonly string[];
}

/** SST begins every file so, and nobody can choose: what bundled CommonJS asks for. */
const BANNER = `import { createRequire as __cairnRequire } from "node:module";
import { fileURLToPath as __cairnPath } from "node:url";
const require = __cairnRequire(import.meta.url);
const __filename = __cairnPath(import.meta.url);
const __dirname = __cairnPath(new URL(".", import.meta.url));`;

/** Bundles a function as SST does: by the settings that it is given, and its own. */
export async function bundleFunction(name: string): Promise<Bundle> {
  const { esbuild, ...options } = bundling;
  const folder = await mkdtemp(join(tmpdir(), "cairn-function-"));
  const { metafile } = await build({
    entryPoints: [fileURLToPath(new URL(`${name}.ts`, import.meta.url))],
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    metafile: true,
    platform: "node",
    target: "esnext",
    banner: { js: BANNER },
    ...options,
    ...esbuild,
    logLevel: "silent",
  });
  const outputs = Object.entries(metafile.outputs).filter(([path]) => !path.endsWith(".map"));
  const entry = outputs.find(([, { entryPoint }]) => entryPoint?.endsWith(`/${name}.ts`))?.[0] as string;
  const eager = new Set<string>();
  const visit = (path: string) => {
    if (eager.has(path)) return;
    eager.add(path);
    for (const one of metafile.outputs[path]?.imports ?? [])
      if (one.kind === "import-statement" && !one.external) visit(one.path);
  };
  visit(entry);
  const size = (paths: Iterable<string>) =>
    [...paths].reduce((sum, path) => sum + (metafile.outputs[path]?.bytes ?? 0), 0);
  return {
    folder,
    entry: join(process.cwd(), entry),
    eager: size(eager),
    total: size(outputs.map(([path]) => path)),
    inputs: Object.keys(metafile.inputs),
    eagerInputs: [...eager].flatMap((path) => Object.keys(metafile.outputs[path]?.inputs ?? {})),
  };
}
