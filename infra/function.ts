import { settingsOf } from "../packages/api/settings/setting";
import { SETTINGS } from "../packages/api/settings/table";
import { bundleOptions } from "../packages/functions/aws/bundle-options";
import type { Secrets } from "./secrets";

export interface FunctionOptions {
  readonly secrets: readonly Secrets[keyof Secrets][];
  readonly timeout: `${number} seconds` | `${number} minutes`;
  readonly memory?: "512 MB" | "1024 MB" | "2048 MB";
  readonly environment?: Record<string, $util.Input<string>>;
  /** Reserved concurrency, so that a burst cannot use all database connections. Not reserved if CAIRN_RESERVE_CONCURRENCY is `no`. */
  readonly concurrency?: number;
  /** Retries after a failed asynchronous call. AWS's default: 2. */
  readonly retries?: number;
  readonly permissions?: sst.aws.FunctionArgs["permissions"];
  readonly copyFiles?: sst.aws.FunctionArgs["copyFiles"];
  readonly url?: sst.aws.FunctionArgs["url"];
  readonly streaming?: boolean;
  /** Completes before the function changes: the schema migration, so that new code finds the new schema. */
  readonly dependsOn?: aws.lambda.Invocation;
}

/** The arguments that all functions share. SST's defaults are written out. */
export function functionArgs(name: string, options: FunctionOptions): sst.aws.FunctionArgs {
  const { secrets, timeout, memory = "1024 MB", environment = {}, concurrency, dependsOn, ...rest } = options;
  const reserved = process.env.CAIRN_RESERVE_CONCURRENCY === "no" ? undefined : concurrency;
  return {
    ...rest,
    handler: `packages/functions/aws/handlers/${name}.handler`,
    runtime: "nodejs24.x",
    architecture: "arm64",
    memory,
    timeout,
    link: [...secrets],
    environment: { ...settings(), ...environment, NODE_OPTIONS: "--enable-source-maps" },
    ...(reserved ? { concurrency: { reserved } } : {}),
    logging: { retention: $app.stage === "production" ? "3 months" : "1 week", format: "json" },
    nodejs: bundleOptions,
    transform: {
      function: (_, opts) => {
        if (dependsOn) opts.dependsOn = dependsOn;
      },
    },
  };
}

/** The variables that every function gets from the environment of the deploy. An empty one has its default. Secrets are linked. */
function settings(): Record<string, string> {
  return Object.fromEntries(
    settingsOf(SETTINGS, "cloud").flatMap(([, { variable, secret, internal }]) =>
      variable && !secret && !internal ? [[variable, process.env[variable] ?? ""]] : [],
    ),
  );
}
