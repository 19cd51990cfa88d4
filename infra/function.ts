import type { Secrets } from "./secrets";

export interface FunctionOptions {
  readonly secrets: readonly Secrets[keyof Secrets][];
  readonly timeout: `${number} seconds` | `${number} minutes`;
  readonly memory?: "512 MB" | "1024 MB" | "2048 MB";
  readonly environment?: Record<string, $util.Input<string>>;
  /** Environments at once, so that a burst cannot use up the database's connections. */
  readonly concurrency?: number;
  readonly permissions?: sst.aws.FunctionArgs["permissions"];
  readonly copyFiles?: sst.aws.FunctionArgs["copyFiles"];
  readonly url?: sst.aws.FunctionArgs["url"];
  readonly streaming?: boolean;
}

/** What all functions have in common; what SST would choose by default is said aloud. */
export function functionArgs(name: string, options: FunctionOptions): sst.aws.FunctionArgs {
  const { secrets, timeout, memory = "1024 MB", environment = {}, concurrency, ...rest } = options;
  return {
    ...rest,
    handler: `packages/functions/${name}.handler`,
    runtime: "nodejs24.x",
    architecture: "arm64",
    memory,
    timeout,
    link: [...secrets],
    environment: { ...environment, NODE_OPTIONS: "--enable-source-maps" },
    ...(concurrency ? { concurrency: { reserved: concurrency } } : {}),
    logging: { retention: $app.stage === "production" ? "3 months" : "1 week", format: "json" },
    nodejs: {
      minify: true,
      splitting: true,
      format: "esm",
      sourcemap: true,
      // The embedded database and local models are never used here; the runtime brings the SDK.
      esbuild: {
        external: [
          "@electric-sql/pglite",
          "@electric-sql/pglite-pgvector",
          "@huggingface/transformers",
          "@aws-sdk/*",
          "pg-native",
        ],
      },
    },
  };
}
