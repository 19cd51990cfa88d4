import type { SettingValues } from "@cairn/api/settings/setting.ts";
import { openGateway } from "@cairn/chroma/gateway/route/open.ts";
import { chromaProtocol } from "@cairn/chroma/server/protocol.ts";
import { createOpenPrincipal } from "@cairn/chroma/server/view/open.ts";
import { cutoverRoutes } from "@cairn/chroma/service/cutover/routes.ts";
import { migrationJobKinds } from "@cairn/chroma/service/job.ts";
import { createNamespaceResolver } from "@cairn/chroma/service/namespaces/resolver.ts";
import { namespaceRoutes } from "@cairn/chroma/service/namespaces/routes.ts";
import { migrationRoutes } from "@cairn/chroma/service/routes.ts";
import { CHROMA_SETTINGS } from "@cairn/chroma/service/settings.ts";
import { parseAddress } from "@cairn/chroma/source/address.ts";
import { AppError } from "@cairn/core/error.ts";
import type { JobKinds } from "@cairn/core/job/run.ts";
import { VERSION } from "@cairn/core/version.ts";
import type { Extension } from "../extension.ts";
import { PRIVATE_LISTEN, parsePrivateListen } from "../serve/private-listen.ts";
import { addCloud } from "./cloud.ts";
import { addCutover } from "./cutover.ts";
import { addMigrate } from "./migrate.ts";
import { addNamespaces } from "./namespaces.ts";
import { addVerify } from "./verify.ts";

type ServeFlags = SettingValues<typeof CHROMA_SETTINGS, "serve">;

interface ListenFlags {
  readonly host: string;
  readonly privateListen?: string;
}

/** Throws `invalid_input` if other machines could send requests without a key. */
function assertLoopback(host: string, option: string): void {
  if (host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host)) return;
  throw new AppError(
    "invalid_input",
    `--chroma-no-auth cannot be used with ${option} ${host}: every machine that reaches the address could read and delete all data. Listen on 127.0.0.1, or use keys.`,
    { path: "--chroma-no-auth" },
  );
}

/** The migration from Chroma, and namespaces: their commands, and their routes of `cairn serve`. */
export const chroma: Extension = {
  commands: [addMigrate, addVerify, addCloud, addNamespaces, addCutover],
  service: {
    settings: CHROMA_SETTINGS,
    jobKinds({ chromaUrl, chromaToken }: ServeFlags, databaseName): JobKinds {
      if (!chromaUrl) return {};
      const source = { url: chromaUrl, token: chromaToken };
      return migrationJobKinds({ source, databaseName, cairnVersion: VERSION });
    },
    namespaces: createNamespaceResolver,
    protocols: (flags: ServeFlags & ListenFlags, services, { announce, onError, onClose, addMetrics }) => {
      if (flags.chromaNoAuth) {
        assertLoopback(flags.host, "--host");
        assertLoopback(parsePrivateListen(flags.privateListen)?.host ?? flags.host, PRIVATE_LISTEN);
      }
      const anonymous = flags.chromaNoAuth ? createOpenPrincipal(services.database) : undefined;
      const { chromaUrl, chromaToken, chromaTimeout = 60, chromaMigrationsOnly } = flags;
      const chroma = chromaUrl && !chromaMigrationsOnly ? { url: chromaUrl, token: chromaToken } : undefined;
      const gateway = chroma && openGateway(services, { chroma, timeoutMs: 1_000 * chromaTimeout, onError });
      if (chroma && gateway) {
        onClose(gateway.close);
        addMetrics(gateway.readMetrics);
        announce(
          `It is the gateway in front of the Chroma server at ${parseAddress(chroma.url).host}: cairn cutover status shows the phases`,
        );
      }
      return [
        chromaProtocol({
          allowReset: flags.chromaAllowReset,
          maxBody: flags.chromaMaxBody,
          anonymous,
          gateway: gateway?.handler,
        }),
      ];
    },
    routes: ({ chromaUrl }: ServeFlags, queue) => [
      migrationRoutes({ queue, sourceUrl: chromaUrl }),
      namespaceRoutes(),
      cutoverRoutes(),
    ],
  },
};
