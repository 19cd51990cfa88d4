import { longFlag, settingName } from "@cairn/api/settings/setting.ts";
import { SETTINGS } from "@cairn/api/settings/table.ts";
import { AppError } from "@cairn/core/error.ts";

export const PRIVATE_LISTEN = longFlag(SETTINGS.privateListen) ?? "";

/** Parses the value of `--private-listen`. Undefined or empty: there is no private address. Throws `invalid_input`. */
export function parsePrivateListen(
  value: string | undefined,
): { readonly host: string; readonly port: number } | undefined {
  if (!value) return undefined;
  const [, ipv6, name, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value) ?? [];
  const host = ipv6 ?? name;
  const port = Number(digits);
  if (host !== undefined && port <= 65_535) return { host, port };
  throw new AppError(
    "invalid_input",
    `${settingName(SETTINGS.privateListen)} cannot be used: ${JSON.stringify(value)} is not an address with a port. Set a value such as 127.0.0.1:9090.`,
    { path: PRIVATE_LISTEN },
  );
}
