import type { JsonObject } from "@cairn/core/database/json.ts";
import type { JobKinds, JobRunner } from "@cairn/core/job/run.ts";
import type { Services } from "@cairn/core/services.ts";
import { type MigrateOptions, migrate } from "../migrate.ts";
import { openSource } from "../source/http-source.ts";
import type { ChromaOptions } from "../source/options.ts";
import { errorToApiTerms, reportToApiTerms } from "./api-terms.ts";
import { DRY_RUN, dryRunRunner } from "./dry-run.ts";
import { parseMigrationRequest } from "./options.ts";
import { createProgress } from "./progress.ts";

export const MIGRATION = "migration";

export interface MigrationJobOptions extends Pick<MigrateOptions, "databaseName" | "cairnVersion"> {
  /**
   * The Chroma server. It is a setting of the service, never of a caller: it contains a credential, and the service can
   * reach hosts that callers cannot.
   */
  readonly source: ChromaOptions;
}

/** The kinds of jobs of migrations. */
export function migrationJobKinds(options: MigrationJobOptions): JobKinds {
  return { [MIGRATION]: migrationRunner(options), [DRY_RUN]: dryRunRunner(options.source) };
}

/** Runs a migration as a job of the operator. The result is the report. If it is stopped, the next job continues it. */
function migrationRunner({ source, databaseName, cairnVersion }: MigrationJobOptions): JobRunner {
  return async (services, { request, signal, report }) => {
    const progress = createProgress();
    const result = await migrateFrom(services, source, {
      ...parseMigrationRequest(request),
      databaseName,
      cairnVersion,
      signal,
      onPlan({ collections }) {
        progress.plan(collections.length);
        report(progress.counts());
      },
      onProgress(event) {
        progress.add(event);
        report(progress.counts(), progress.partial());
      },
    });
    return reportToApiTerms(result as unknown as JsonObject);
  };
}

async function migrateFrom(services: Services, source: ChromaOptions, options: MigrateOptions) {
  try {
    return await migrate(services, await openSource(source), options);
  } catch (error) {
    throw errorToApiTerms(error);
  }
}
