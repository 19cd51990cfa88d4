import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** What the Dockerfile says about a container, as a container engine reads it. */
export interface ImageConfig {
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly User: string;
  readonly Volumes: object;
  readonly ExposedPorts: object;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

export interface RunningContainer {
  /** Returns its output so far. */
  output(): string;
  /** Sends SIGTERM to the container's first process, waits for the exit and returns the exit code. */
  stop(): Promise<number | null>;
}

export type Container = Awaited<ReturnType<typeof createContainer>>;

/** Creates a container of the image in a folder that `build-image` filled. Buildah runs commands in it, in a chroot with the host's network. */
export async function createContainer(folder: string) {
  const env = {
    ...process.env,
    BUILDAH_ISOLATION: "chroot",
    CONTAINERS_STORAGE_CONF: join(folder, "storage.conf"),
  };
  const buildah = async (...args: readonly string[]) =>
    (await promisify(execFile)("buildah", args, { env, maxBuffer: 2 ** 26 })).stdout.trim();
  const name = await buildah("from", "--pull-never", "localhost/cairn");
  const runArguments = (command: readonly string[], variables: Readonly<Record<string, string>>) => [
    "run",
    ...Object.entries(variables).flatMap(([key, value]) => ["--env", `${key}=${value}`]),
    name,
    "--",
    ...command,
  ];
  return {
    config: async () => JSON.parse(await buildah("inspect", name)).Docker.config as ImageConfig,
    remove: () => buildah("rm", name),
    run: (command: readonly string[], variables: Readonly<Record<string, string>> = {}) =>
      buildah(...runArguments(command, variables)),
    start(command: readonly string[], variables: Readonly<Record<string, string>>): RunningContainer {
      let output = "";
      const child = spawn("buildah", runArguments(command, variables), { env, stdio: ["ignore", "pipe", "pipe"] });
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text: string) => {
          output += text;
        });
      const closed = once(child, "close");
      return {
        output: () => output,
        async stop() {
          if (child.exitCode === null) process.kill(await nodeBelow(child.pid as number), "SIGTERM");
          return (await closed)[0];
        },
      };
    },
  };
}

/** The container's first process, below buildah's own, each of which has one child. */
async function nodeBelow(pid: number): Promise<number> {
  if ((await readFile(`/proc/${pid}/cmdline`, "utf8")).startsWith("node\0")) return pid;
  const threads = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, "utf8")));
  const [child] = lists.join(" ").match(/\d+/) ?? [];
  if (child === undefined) throw new Error(`Process ${pid} has no child, and Node is not running in the container.`);
  return nodeBelow(Number(child));
}
