import { spawn } from "node:child_process";

/** Whether `runInTerminal` can run here: it needs the `script` of util-linux. */
export const HAS_TERMINAL = process.platform === "linux";

interface TerminalOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Typed as soon as the output matches `at`. */
  readonly type: { readonly at: RegExp; readonly text: string };
}

/** Runs a shell command in a pseudo-terminal. Returns its exit code, and everything that the terminal showed. */
export async function runInTerminal(
  command: string,
  { cwd, env, type }: TerminalOptions,
): Promise<{ readonly code: number | null; readonly shown: string }> {
  const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], { cwd, env });
  let shown = "";
  let isTyped = false;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (piece: string) => {
      shown += piece;
      if (isTyped || !type.at.test(shown)) return;
      isTyped = true;
      child.stdin.write(type.text);
    });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, shown };
}
