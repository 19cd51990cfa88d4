import { rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleFunction } from "../../packages/functions/aws/bundle.ts";
import { type LambdaRuntime, type RuntimeOptions, startLambda } from "./runtime-api.ts";

/** Path of Amazon's runtime client. It is no dependency because its installation compiles native code. */
export function runtimeClient(): string | undefined {
  return process.env.CAIRN_TEST_RIC || undefined;
}

/** Bundles the function `packages/functions/aws/handlers/<name>.ts` and runs it as Lambda does. */
export async function startFunction(
  name: string,
  options: Pick<RuntimeOptions, "environment" | "timeout">,
): Promise<LambdaRuntime> {
  const { folder } = await bundleFunction(name);
  // The Lambda runtime provides the AWS SDK.
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
