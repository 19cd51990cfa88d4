import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

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
}

/** Never in a function: what the embedded database needs, and what the runtime brings. */
const EXTERNAL = [
  "@electric-sql/pglite",
  "@electric-sql/pglite-pgvector",
  "@huggingface/transformers",
  "@aws-sdk/*",
  "pg-native",
];

/** Bundles a function by the settings that SST is given for it. */
export async function bundleFunction(name: string): Promise<Bundle> {
  const folder = await mkdtemp(join(tmpdir(), "cairn-function-"));
  const { metafile } = await build({
    entryPoints: [fileURLToPath(new URL(`${name}.ts`, import.meta.url))],
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    minify: true,
    metafile: true,
    format: "esm",
    platform: "node",
    target: "node24",
    mainFields: ["module", "main"],
    external: EXTERNAL,
    banner: {
      js: "import { createRequire as __cairnRequire } from 'node:module'; const require = __cairnRequire(import.meta.url);",
    },
    logLevel: "silent",
  });
  const outputs = Object.entries(metafile.outputs);
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
  };
}
