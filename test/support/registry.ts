import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Registry {
  readonly url: string;
  publish(tarball: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts an npm registry on loopback, which has its own packages and passes requests for others on to npm's registry. */
export async function startRegistry(verdaccio: string): Promise<Registry> {
  const folder = await mkdtemp(join(tmpdir(), "cairn-registry-"));
  const { stdout } = await run("npm", ["config", "get", "registry"]);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = join(folder, "config.yaml");
  await writeFile(
    config,
    `storage: ${folder}/storage
auth: { htpasswd: { file: ${folder}/htpasswd } }
uplinks: { npm: { url: ${JSON.stringify(stdout.trim())}, timeout: 60s } }
packages:
  cairndb: { access: $all, publish: $all }
  "@*/*": { access: $all, proxy: npm }
  "**": { access: $all, proxy: npm }
log: { type: stdout, format: json, level: error }
`,
  );
  const server = spawn(process.execPath, [verdaccio, "--config", config, "--listen", `127.0.0.1:${port}`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  await waitFor(`${url}/-/ping`);
  return {
    url,
    async publish(tarball) {
      const auth = `--//127.0.0.1:${port}/:_authToken=anyone`;
      await run("npm", ["publish", tarball, "--registry", url, auth, "--tag", "latest"], { cwd: folder });
    },
    async stop() {
      const exited = once(server, "exit");
      server.kill("SIGTERM");
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  server.close();
  return port;
}

async function waitFor(url: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if ((await fetch(url).catch(() => undefined))?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`The registry did not answer at ${url}.`);
}
