import type { JsonObject } from "@cairn/core/database/json.ts";
import type { JobRunner } from "@cairn/core/job/run.ts";
import type { ChromaOptions } from "../source/options.ts";
import { errorToApiTerms, reportToApiTerms } from "./api-terms.ts";
import { parseMigrationRequest } from "./options.ts";
import { createProgress } from "./progress.ts";

export const DRY_RUN = "migration_dry_run";

/** Ids that a result lists of each collection. `unreadableCount` has their number. */
const MAX_IDS = 100;

/**
 * Runs the dry run of a migration as a job of the operator. The result has the plan, the options of the request, and a
 * proposed mapping if the names of collections match no pattern.
 */
export function dryRunRunner(source: ChromaOptions): JobRunner {
  return async (services, { request, signal, report }) => {
    const [{ openSource }, { planSource }, { preflight }, { describeDryRun }, { proposeForSource }] = await Promise.all(
      [
        import("../source/http-source.ts"),
        import("../plan/plan-source.ts"),
        import("../plan/preflight.ts"),
        import("../plan/describe.ts"),
        import("../proposal/source.ts"),
      ],
    );
    try {
      const { pageSize, ...options } = parseMigrationRequest(request);
      const opened = await openSource(source);
      const plan = await planSource(opened, services, options);
      const progress = createProgress();
      progress.plan(plan.collections.length);
      const found = await preflight(opened, plan, {
        pageSize,
        signal,
        onProgress(event) {
          const state = { ...event, tenant: "", pass: 1 };
          progress.add({ ...state, phase: "copy" });
          if (event.done === event.total) progress.add({ ...state, phase: "done" });
          report(progress.counts(), progress.partial());
        },
      });
      const described = describeDryRun({ plan, ...found });
      const collections = described.collections.map(({ unreadable, ...collection }) => ({
        ...collection,
        unreadable: unreadable.slice(0, MAX_IDS),
        unreadableCount: unreadable.length,
      }));
      const proposal = (await proposeForSource(opened, options)) ?? null;
      const result = reportToApiTerms({ ...described, collections, proposal } as unknown as JsonObject);
      return { ...result, options: request };
    } catch (error) {
      throw errorToApiTerms(error);
    }
  };
}
