import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundleOptions } from "./bundle-options.ts";

export interface Bundle {
  readonly folder: string;
  /** The file whose `handler` the runtime calls. */
  readonly entry: string;
  /** Bytes loaded before the first event: the entry and its static imports. */
  readonly eager: number;
  /** Total bytes, including dynamic imports. */
  readonly total: number;
  /** Source files in the bundle. */
  readonly inputs: readonly string[];
  /** Source files loaded before the first event. */
  readonly eagerInputs: readonly string[];
}

/** SST adds this banner to every file and offers no option for it. Bundled CommonJS modules need these names. */
const BANNER = `import { createRequire as __cairnRequire } from "node:module";
import { fileURLToPath as __cairnPath } from "node:url";
const require = __cairnRequire(import.meta.url);
const __filename = __cairnPath(import.meta.url);
const __dirname = __cairnPath(new URL(".", import.meta.url));`;

/** The function `handlers/<name>.ts`, bundled as SST does it: with `bundleOptions` and SST's fixed settings. */
export async function bundleFunction(name: string): Promise<Bundle> {
  const { esbuild, ...options } = bundleOptions;
  const folder = await mkdtemp(join(tmpdir(), "cairn-function-"));
  const { metafile } = await build({
    entryPoints: [fileURLToPath(new URL(`handlers/${name}.ts`, import.meta.url))],
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
  const entry = outputs.find(([, { entryPoint }]) => entryPoint?.endsWith(`/handlers/${name}.ts`))?.[0] as string;
  const eager = new Set<string>();
  const visit = (path: string) => {
    if (eager.has(path)) return;
    eager.add(path);
    for (const imported of metafile.outputs[path]?.imports ?? [])
      if (imported.kind === "import-statement" && !imported.external) visit(imported.path);
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
