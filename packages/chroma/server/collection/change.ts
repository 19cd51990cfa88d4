import { changeCollection } from "@cairn/core/collection/change.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { decodeJson, type JsonObject, parseExactJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { forgetTarget } from "@cairn/core/search/read-target.ts";
import { alreadyExists } from "../error.ts";
import { toCollectionMetadata } from "../record/metadata.ts";
import type { Body } from "../request/body.ts";
import { optionalObject, optionalString } from "../request/fields.ts";
import type { ChromaView, DatabasePath } from "../view/view.ts";
import { changeConfiguration } from "./configuration.ts";
import type { LoadedCollection } from "./load.ts";
import { assertName } from "./name.ts";
import { chromaAttributes, configurationOf } from "./stored.ts";

interface ChangeContext {
  readonly database: Database;
  readonly view: ChromaView;
  readonly path: DatabasePath;
}

/** Renames a collection, replaces its metadata, or changes its configuration. */
export async function changeChromaCollection(
  { database, view, path }: ChangeContext,
  { route, stored }: LoadedCollection,
  body: Body,
): Promise<void> {
  const newName = optionalString(body, "new_name");
  const newMetadata = optionalObject(body, "new_metadata");
  const newConfiguration = optionalObject(body, "new_configuration");
  if (newName !== undefined) assertName(newName, "new_name");
  const metadata = newMetadata && toCollectionMetadata(newMetadata, "new_metadata");
  const attributes = decodeJson(stored.attributes, parseExactJson);
  const chroma = chromaAttributes(attributes);
  try {
    const changes = {
      ...(newName === undefined ? {} : { name: await view.renamedTo(route, { ...path, name: newName }) }),
      ...(metadata ? { metadata } : {}),
      ...(newConfiguration
        ? {
            attributes: {
              ...attributes,
              chroma: {
                ...chroma,
                configuration: changeConfiguration(configurationOf(stored.metric, chroma), newConfiguration),
              },
            } as unknown as JsonObject,
          }
        : {}),
    };
    if (Object.keys(changes).length === 0) return;
    await changeCollection(database, route.tenantId, stored.id, changes);
    if (newName !== undefined) await view.register(path, { ...route, name: newName });
  } catch (error) {
    if (error instanceof AppError && error.code === "already_exists")
      throw alreadyExists(`Collection [${newName}] already exists`);
    throw error;
  } finally {
    forgetTarget(database, route.tenantId, stored.id);
  }
}
