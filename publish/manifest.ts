import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MIN_NODE, ROOT, WORKSPACES } from "./compile.ts";

interface Manifest {
  /** Keeps npm from publishing the folder, which has only sources. */
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional: boolean }>>;
}

/** Dependencies that a user may leave out with `npm install --omit=optional`. Each is loaded when it is needed. */
const OPTIONAL = /^(@electric-sql\/|@energetic-ai\/|franc-min$|@aws-sdk\/|@opentelemetry\/(?!api$))/;

const SUBPATHS: Readonly<Record<string, string>> = {
  "./client": "packages/client/client",
  "./core": "packages/core/index",
  "./langchain": "packages/client/langchain",
  "./ai-sdk": "packages/client/ai-sdk",
};

/** The package.json of the published package, with the dependencies of the workspaces in it. */
export function makeManifest(): object {
  const { private: _, ...described } = read("publish/package.json");
  const manifests = WORKSPACES.map((name) => read(`packages/${name}/package.json`));
  const merge = <Key extends "dependencies" | "peerDependencies" | "peerDependenciesMeta">(key: Key) =>
    Object.entries(Object.assign({}, ...manifests.map((manifest) => manifest[key])) as NonNullable<Manifest[Key]>)
      .filter(([name]) => !name.startsWith("@cairn/"))
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
  const dependencies = merge("dependencies");
  return {
    ...described,
    engines: { node: `>=${MIN_NODE}` },
    bin: { cairn: "packages/cli/bin/cairn.mjs", cairndb: "packages/cli/bin/cairn.mjs" },
    exports: {
      ...Object.fromEntries(
        Object.entries(SUBPATHS).map(([path, file]) => [path, { types: `./${file}.d.ts`, default: `./${file}.js` }]),
      ),
      "./package.json": "./package.json",
    },
    dependencies: Object.fromEntries(dependencies.filter(([name]) => !OPTIONAL.test(name))),
    optionalDependencies: Object.fromEntries(dependencies.filter(([name]) => OPTIONAL.test(name))),
    peerDependencies: Object.fromEntries(merge("peerDependencies")),
    peerDependenciesMeta: Object.fromEntries(merge("peerDependenciesMeta")),
  };
}

function read(path: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8")) as Manifest;
}
