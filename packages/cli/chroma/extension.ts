import { MIGRATION, migrationRunner } from "@cairn/chroma/service/job.ts";
import { migrationRoutes } from "@cairn/chroma/service/routes.ts";
import type { JobKinds } from "@cairn/core/job/run.ts";
import { VERSION } from "@cairn/core/version.ts";
import { Option } from "commander";
import type { Extension } from "../extension.ts";
import { addCloud } from "./cloud.ts";
import { addMigrate } from "./migrate.ts";
import { addVerify } from "./verify.ts";

interface ServeFlags {
  readonly chroma?: string;
  readonly token?: string;
}

/** The migration from Chroma: `cairn migrate`, `cairn verify`, `cairn cloud`, and /v1/migrations of `cairn serve`. */
export const chroma: Extension = {
  commands: [addMigrate, addVerify, addCloud],
  service: {
    options: () => [
      new Option("--chroma <url>", "address of the Chroma server that /v1/migrations migrates").env(
        "CHROMA_URL",
      ),
      new Option("--token <token>", "token for the Chroma server").env("CHROMA_TOKEN"),
    ],
    jobKinds(flags: ServeFlags, databaseName): JobKinds {
      if (!flags.chroma) return {};
      const source = { url: flags.chroma, token: flags.token };
      return { [MIGRATION]: migrationRunner({ source, databaseName, cairnVersion: VERSION }) };
    },
    routes: (flags: ServeFlags, queue) => [
      migrationRoutes({ queue, configured: flags.chroma !== undefined && flags.chroma !== "" }),
    ],
  },
};
