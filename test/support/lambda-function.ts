import { rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleFunction } from "../../packages/functions/bundle.ts";
import { type LambdaRuntime, type RuntimeOptions, startLambda } from "./runtime-api.ts";

/** Amazon's runtime client is built where it is installed, so it is no dependency: its executable is named here. */
export function runtimeClient(): string | undefined {
  return process.env.CAIRN_TEST_RIC || undefined;
}

/** Bundles the function `packages/functions/<name>.ts` and runs it as Lambda does. */
export async function startFunction(
  name: string,
  options: Pick<RuntimeOptions, "environment" | "timeout">,
): Promise<LambdaRuntime> {
  const { folder } = await bundleFunction(name);
  // The runtime brings the SDK.
  await symlink(fileURLToPath(new URL("../../node_modules", import.meta.url)), join(folder, "node_modules"));
  const handler = `${name}.handler`;
  const runtime = await startLambda({ client: runtimeClient() as string, folder, handler, ...options });
  return {
    ...runtime,
    async stop() {
      await runtime.stop();
      await rm(folder, { recursive: true });
    },
  };
}
