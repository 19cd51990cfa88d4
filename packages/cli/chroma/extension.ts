import type { SettingValues } from "@cairn/api/settings/setting.ts";
import { chromaProtocol } from "@cairn/chroma/server/protocol.ts";
import { MIGRATION, migrationRunner } from "@cairn/chroma/service/job.ts";
import { createNamespaceResolver } from "@cairn/chroma/service/namespaces/resolver.ts";
import { namespaceRoutes } from "@cairn/chroma/service/namespaces/routes.ts";
import { migrationRoutes } from "@cairn/chroma/service/routes.ts";
import { CHROMA_SETTINGS } from "@cairn/chroma/service/settings.ts";
import type { JobKinds } from "@cairn/core/job/run.ts";
import { VERSION } from "@cairn/core/version.ts";
import type { Extension } from "../extension.ts";
import { addCloud } from "./cloud.ts";
import { addMigrate } from "./migrate.ts";
import { addNamespaces } from "./namespaces.ts";
import { addVerify } from "./verify.ts";

type ServeFlags = SettingValues<typeof CHROMA_SETTINGS, "serve">;

/** The migration from Chroma, and namespaces: their commands, and their routes of `cairn serve`. */
export const chroma: Extension = {
  commands: [addMigrate, addVerify, addCloud, addNamespaces],
  service: {
    settings: CHROMA_SETTINGS,
    jobKinds({ chromaUrl, chromaToken }: ServeFlags, databaseName): JobKinds {
      if (!chromaUrl) return {};
      const source = { url: chromaUrl, token: chromaToken };
      return { [MIGRATION]: migrationRunner({ source, databaseName, cairnVersion: VERSION }) };
    },
    namespaces: createNamespaceResolver,
    protocols: (flags: ServeFlags) => [
      chromaProtocol({ allowReset: flags.chromaAllowReset, maxBody: flags.chromaMaxBody }),
    ],
    routes: ({ chromaUrl }: ServeFlags, queue) => [
      migrationRoutes({ queue, configured: Boolean(chromaUrl) }),
      namespaceRoutes(),
    ],
  },
};
