import type { Database } from "@cairn/core/database/database.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { type ApiKeyOptions, createApiKey, type NewApiKey } from "@cairn/core/tenant/api-key.ts";
import { createNamespace, getNamespace, type Namespace } from "@cairn/core/tenant/namespace.ts";
import { OPEN_NAMESPACE } from "./open.ts";
import { createSettings, type SettingsInput } from "./settings.ts";

export interface NewNamespace {
  readonly name: string;
  readonly settings: SettingsInput;
}

/** Creates a namespace with checked settings. Throws `already_exists` and `invalid_input`. */
export async function addNamespace(database: Database, { name, settings }: NewNamespace): Promise<Namespace> {
  assertNotOpen(name);
  return createNamespace(database, { name, settings: createSettings(settings) as unknown as JsonObject });
}

/** Creates a key of a namespace. Throws `not_found` and `invalid_input`. */
export async function addNamespaceKey(
  database: Database,
  idOrName: string,
  options: ApiKeyOptions,
): Promise<NewApiKey> {
  const { id, name } = await getNamespace(database, idOrName);
  assertNotOpen(name);
  return createApiKey(database, { namespaceId: id }, options);
}

function assertNotOpen(name: string): void {
  if (name !== OPEN_NAMESPACE) return;
  throw new AppError(
    "invalid_input",
    `The namespace ${JSON.stringify(name)} is reserved for requests without a key. Choose another one.`,
    { path: "name" },
  );
}
