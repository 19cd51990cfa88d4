import { randomUUID } from "node:crypto";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import type { Services } from "@cairn/core/services.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { afterAll, beforeAll } from "vitest";
import { createTestDatabase, type TestDatabase } from "./database.ts";

/**
 * Creates an object before the tests of the file or `describe` block, and removes it after them. The result forwards to that
 * object, so a test file can declare it as a constant:
 *
 * ```ts
 * const chat = useResource(startChatApi, (api) => api.stop());
 * ```
 *
 * Resources are created in the order of these calls and removed in the reverse order. Reading one outside a test or a hook throws.
 */
export function useResource<Resource extends object>(
  create: () => Promise<Resource>,
  remove?: (resource: Resource) => unknown,
): Resource {
  let resource: Resource | undefined;
  beforeAll(async () => {
    resource = await create();
  });
  if (remove)
    afterAll(async () => {
      if (resource) await remove(resource);
    });
  return new Proxy({} as Resource, {
    get(_target, property) {
      if (resource) return Reflect.get(resource, property);
      throw new Error(`Cannot read ${String(property)} before beforeAll has run. Read it in a test or a hook.`);
    },
    set: (_target, property, value) => resource !== undefined && Reflect.set(resource, property, value),
  });
}

/** Starts a server before the tests of the file or `describe` block, and stops it after them. */
export function useServer<Server extends { stop(): Promise<unknown> }>(start: () => Promise<Server>): Server {
  return useResource(start, (server) => server.stop());
}

export interface DatabaseFixture extends Omit<TestDatabase, "drop"> {
  /** Services with the offline embedder. */
  readonly services: Services;
}

/** A database with all schema migrations for the tests of the file or `describe` block. */
export function useTestDatabase(create: () => Promise<TestDatabase> = createTestDatabase): DatabaseFixture {
  const created = useResource(create, (testDatabase) => testDatabase.drop());
  return {
    get database() {
      return created.database;
    },
    get url() {
      return created.url;
    },
    services: {
      get database() {
        return created.database;
      },
      embedders: createEmbedders({ defaultModel: "offline/words" }),
    },
  };
}

/** Creates a tenant before the tests of the file or `describe` block. Returns its id. */
export function useTenant(testDatabase: DatabaseFixture): string {
  const id = randomUUID();
  beforeAll(async () => {
    await createTenant(testDatabase.database, { id });
  });
  return id;
}
