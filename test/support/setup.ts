import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChroma } from "@cairn/cli/demo/chroma-server.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { connectPglite } from "@cairn/core/database/pglite.ts";
import { migrateSchema } from "@cairn/core/database/schema-migrations.ts";
import type { TestProject } from "vitest/node";
import { onServer, serverUrl, withDatabase } from "./database.ts";

/** Runs once per test run: creates a database template to clone and starts a real Chroma server that test files share. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [dropTemplate, chroma] = await Promise.all([
    provideTemplate(project),
    startChroma({ command: process.env.CAIRN_TEST_CHROMA }),
  ]);
  project.provide("chromaUrl", chroma.url);
  return async () => {
    await Promise.all([dropTemplate(), chroma.stop()]);
  };
}

async function provideTemplate(project: TestProject): Promise<() => Promise<void>> {
  const server = serverUrl();
  if (server) {
    const name = `cairn_template_${process.pid}`;
    await onServer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await onServer(server, `CREATE DATABASE ${name}`);
    const database = connectPg({ url: withDatabase(server, name) });
    await migrateSchema(database);
    await database.close();
    project.provide("serverTemplate", name);
    return () => onServer(server, `DROP DATABASE ${name} WITH (FORCE)`);
  }
  const folder = await mkdtemp(join(tmpdir(), "cairn-template-"));
  const database = await connectPglite();
  await migrateSchema(database);
  const file = join(folder, "pglite.tar");
  await writeFile(file, new Uint8Array(await (await database.dump()).arrayBuffer()));
  await database.close();
  project.provide("pgliteTemplate", file);
  return () => rm(folder, { recursive: true, force: true });
}
