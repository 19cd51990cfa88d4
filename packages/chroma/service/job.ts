import type { JsonObject } from "@cairn/core/database/json.ts";
import type { JobRunner } from "@cairn/core/job/run.ts";
import type { Services } from "@cairn/core/services.ts";
import { type MigrateOptions, migrate } from "../migrate.ts";
import { openSource } from "../source/http-source.ts";
import type { ChromaOptions } from "../source/options.ts";
import { readMigration } from "./options.ts";
import { errorInApiTerms, reportInApiTerms } from "./wording.ts";

export const MIGRATION = "migration";

export interface MigrationJobOptions extends Pick<MigrateOptions, "databaseName" | "cairnVersion"> {
  /** Where Chroma is. The service's own setting, never a caller's: it has a credential, and reaches where callers do not. */
  readonly source: ChromaOptions;
}

/** Runs a migration as a job of the operator's; its result is the report. Stopped, the next one goes on where it was. */
export function migrationRunner({ source, databaseName, cairnVersion }: MigrationJobOptions): JobRunner {
  return async (services, { request, signal, report }) => {
    const progress = new Map<string, { readonly done: number; readonly total: number }>();
    const proof = await migrateFrom(services, source, {
      ...readMigration(request),
      databaseName,
      cairnVersion,
      signal,
      onPlan: ({ collections }) => report({ collections: collections.length, finished: 0, records: 0 }),
      onProgress({ id, phase, done, total }) {
        progress.set(`${id}/${phase}`, { done, total });
        const copied = [...progress].filter(([key]) => key.endsWith("/copy"));
        report({
          collections: copied.length,
          finished: [...progress.keys()].filter((key) => key.endsWith("/done")).length,
          records: copied.reduce((sum, [, state]) => sum + state.done, 0),
          of: copied.reduce((sum, [, state]) => sum + state.total, 0),
        });
      },
    });
    return reportInApiTerms(proof as unknown as JsonObject);
  };
}

async function migrateFrom(services: Services, source: ChromaOptions, options: MigrateOptions) {
  try {
    return await migrate(services, await openSource(source), options);
  } catch (error) {
    throw errorInApiTerms(error);
  }
}
