import { linkTo } from "../../app/route.ts";
import { Page } from "../../components/page.tsx";
import type { Migration } from "./api.ts";

/** A run that failed or was cancelled, with the reason and how to continue. */
export function Ended({ run, title }: { readonly run: Migration; readonly title: string }) {
  const { status, last_error: error, dry_run: isDryRun } = run;
  return (
    <Page title={title} lead={status === "cancelled" ? "It was cancelled." : "It failed before its end."}>
      {error && (
        <div class="problem">
          <p>
            {error.message} <code>{error.code}</code>
          </p>
        </div>
      )}
      <p class="after">
        {isDryRun
          ? "Nothing was written. "
          : "What was copied before stays in Cairn. The next run with the same options continues with it. "}
        <a href={linkTo(["migration"])}>{isDryRun ? "Start another dry run" : "Start it again from its dry run"}</a>
      </p>
    </Page>
  );
}
