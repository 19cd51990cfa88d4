import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SETTINGS } from "@cairn/api/settings/table.ts";
import { createEvaluationMonitor } from "@cairn/api/telemetry/evaluations.ts";
import { createMetrics } from "@cairn/api/telemetry/metrics.ts";
import { openGateway } from "@cairn/chroma/gateway/route/open.ts";
import { CHROMA_SETTINGS } from "@cairn/chroma/service/settings.ts";
import { DCLinter } from "dclint";
import { expect, onTestFinished, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { useTestDatabase } from "./support/fixture.ts";

// compose.yaml, its overlay and deploy/kubernetes.yaml against the published schemas of Compose and Kubernetes. A misspelt
// key is an error in both. `test/self-host/image.test.ts` builds and runs the Dockerfile.

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const testDatabase = useTestDatabase();
const read = (path: string) => readFile(join(ROOT, path), "utf8");

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "cairn-deploy-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

interface LintMessage {
  readonly type: "error" | "warning";
  readonly message: string;
}

/** Returns the errors of a Compose file. Style is not checked. */
function lintCompose(path: string): readonly string[] {
  const linter = new DCLinter({ rules: {}, quiet: true, debug: false, exclude: [] });
  // Its types do not resolve under `nodenext`.
  const [result] = linter.lintFiles([path], false) as readonly { readonly messages: readonly LintMessage[] }[];
  return (result?.messages ?? []).filter(({ type }) => type === "error").map(({ message }) => message);
}

test.each(["compose.yaml", "compose.chroma.yaml"])("%s follows the schema of Compose", (file) => {
  expect(lintCompose(join(ROOT, file))).toEqual([]);
});

test("a misspelt key of compose.yaml is found", async () => {
  const path = join(await temporaryFolder(), "compose.yaml");
  await writeFile(path, (await read("compose.yaml")).replace("restart: unless-stopped", "restarts: unless-stopped"));
  expect(lintCompose(path)).not.toEqual([]);
});

/** The types of Kubernetes' OpenAPI description, by the `apiVersion` of a manifest. */
const MODULES: Readonly<Record<string, string>> = {
  v1: "core/v1",
  "apps/v1": "apps/v1",
  "policy/v1": "policy/v1",
  "networking.k8s.io/v1": "networking/v1",
};

/** Returns the errors of a manifest: missing and unknown keys, and values of a wrong type. */
async function checkManifest(text: string): Promise<string> {
  const folder = await temporaryFolder();
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const objects = parseAllDocuments(text).map((document) => {
    expect(document.errors).toEqual([]);
    const object = document.toJS();
    const module = `kubernetes-types/${MODULES[object.apiVersion]}.d.ts`;
    return `(${JSON.stringify(object)}) satisfies import("${module}").${object.kind};`;
  });
  await writeFile(join(folder, "manifest.ts"), objects.join("\n"));
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--allowImportingTsExtensions", "--types", "node"];
  return new Promise((resolve) =>
    execFile(join(ROOT, "node_modules/.bin/tsc"), [...options, "manifest.ts"], { cwd: folder }, (_, stdout) =>
      resolve(stdout),
    ),
  );
}

test("deploy/kubernetes.yaml follows the schemas of Kubernetes", async () => {
  const manifest = await read("deploy/kubernetes.yaml");
  expect(parseAllDocuments(manifest)).toHaveLength(5);
  expect(await checkManifest(manifest)).toBe("");
});

test.each([
  ["readinessProbe:", "readinesProbe:", "readinesProbe"],
  ["replicas: 2", "replicas: two", "replicas|number"],
  ["port: 80,", "", "port"],
])("in deploy/kubernetes.yaml, %s instead of %s is found", async (right, wrong, named) => {
  const manifest = await read("deploy/kubernetes.yaml");
  expect(manifest).toContain(right);
  expect(await checkManifest(manifest.replace(right, wrong))).toMatch(new RegExp(named));
});

test("the files for self-hosting name only settings that exist", async () => {
  const variables = Object.values({ ...SETTINGS, ...CHROMA_SETTINGS }).map(({ variable }) => variable);
  const own = ["CAIRN_VERSION", "CAIRN_DATABASE_PASSWORD", "CAIRN_TENANT"]; // of the files themselves, and of a command
  for (const file of [
    "Dockerfile",
    "compose.yaml",
    "compose.chroma.yaml",
    "deploy/cairn.service",
    "deploy/kubernetes.yaml",
    "docs/self-host.md",
  ])
    for (const [name] of (await read(file)).matchAll(/\b(CAIRN|CHROMA|OPENAI|DATABASE)_[A-Z_]+\b/g))
      expect([...variables, ...own, "CHROMA_DATA"], `${name} in ${file}`).toContain(name);
});

/** The metrics of a service in front of Chroma, and of its scheduled evaluations, with their labels. */
async function readMetricNames(): Promise<string> {
  const gateway = openGateway(testDatabase.services, { chroma: { url: "http://127.0.0.1:9" }, onError: () => {} });
  const evaluations = createEvaluationMonitor({ failure: () => {} });
  const metrics = createMetrics({ sources: [gateway.readMetrics, evaluations.metrics] });
  const text = await metrics.text();
  await gateway.close();
  return text;
}

test("the alerts of deploy/prometheus-rules.yaml use metrics and labels that exist", async () => {
  const { groups } = parse(await read("deploy/prometheus-rules.yaml")) as {
    readonly groups: readonly { readonly rules: readonly Readonly<Record<string, string>>[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  expect(rules.length).toBeGreaterThan(5);
  const metrics = await readMetricNames();
  for (const { alert, expr = "" } of rules) {
    expect(alert).toMatch(/^Cairn[A-Za-z]+$/);
    const names = [...expr.matchAll(/cairn_\w+/g)].map(([name]) => name.replace(/_count$/, ""));
    expect(names).not.toEqual([]);
    for (const name of names) expect(metrics, `${name} of ${alert}`).toContain(`# TYPE ${name} `);
    expect([...expr].filter((character) => character === "(")).toHaveLength(
      [...expr].filter((character) => character === ")").length,
    );
  }
});
