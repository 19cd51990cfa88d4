import type { createApp } from "@cairn/api/app.ts";
import type { NamespaceResolver } from "@cairn/api/auth/select-tenant.ts";
import type { Protocol } from "@cairn/api/protocol.ts";
import type { SettingTable } from "@cairn/api/settings/setting.ts";
import type { MetricSource } from "@cairn/api/telemetry/metrics.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import type { JobKinds } from "@cairn/core/job/run.ts";
import type { Services } from "@cairn/core/services.ts";
import type { Command } from "commander";
import type { CommandContext } from "./command-context.ts";

/** A part of the command line that a deployment can do without. It has a folder of its own, which nothing else imports. */
export interface Extension {
  /** Adds its commands. */
  readonly commands: readonly ((program: Command, context: CommandContext) => void)[];
  /** What it adds to `cairn serve`. */
  readonly service: ServiceExtension;
}

export interface ServiceExtension {
  /** Settings, of which `cairn serve` gets the options. */
  readonly settings: SettingTable;
  /** Kinds of jobs. `flags`: the parsed options of `cairn serve`. */
  jobKinds(flags: object, databaseName: string): JobKinds;
  /** Resolves the tenants of namespaces. At most one extension has it. */
  namespaces?(): NamespaceResolver;
  /** Other protocols that the service speaks, under the parsed options of `cairn serve`. */
  protocols(flags: object, services: Services, process: ServiceProcess): readonly Protocol[];
  /** Routes of the operator. */
  routes(flags: object, queue: Pick<JobQueue, "send">): OperatorRoutes;
}

/** The process of a service. */
export interface ServiceProcess {
  /** Prints a sentence when the service has started. */
  announce(sentence: string): void;
  /** Logs an error of work that no request waits for. */
  onError(error: unknown): void;
  /** Adds metrics to /metrics. */
  addMetrics(source: MetricSource): void;
  /** Adds work for the end of the process, before the database is closed. */
  onClose(work: () => Promise<void>): void;
}

export type OperatorRoutes = NonNullable<Parameters<typeof createApp>[1]["operatorRoutes"]>;
