import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { startChroma } from "@cairn/cli/demo/chroma-server.ts";
import { connect } from "@cairn/core/database/connect.ts";
import { createChromaCollection, plainRecords, putRecords, tenantName } from "../support/fill-chroma.ts";
import { readBothSides } from "./compare.ts";
import { runCutover } from "./cutover/cutover.ts";
import { killMigration } from "./kill-migration.ts";

if (process.argv[2] === "cutover") process.exit(await runCutover(process.argv.slice(3)));

/** `npm run chaos -- --kills 1000`: kills one migration a thousand times, then compares both sides record by record. */
const { values } = parseArgs({
  options: { kills: { type: "string", default: "1000" }, records: { type: "string", default: "40000" } },
});
const kills = Number(values.kills);
const records = Number(values.records);
if (!Number.isInteger(kills) || !Number.isInteger(records)) {
  console.error(
    "usage: npm run chaos -- [--kills 1000] [--records 40000]. DATABASE_URL: a PostgreSQL server; unset: the embedded database",
  );
  process.exit(2);
}

const directory = await mkdtemp(join(tmpdir(), "cairn-chaos-"));
const chroma = await startChroma({ command: process.env.CAIRN_TEST_CHROMA });
try {
  const { name, tenant } = tenantName();
  const collection = await createChromaCollection(chroma.url, name);
  await putRecords(collection, plainRecords(records, 8));
  const databaseUrl = process.env.DATABASE_URL || undefined;
  const result = await killMigration({
    chromaUrl: chroma.url,
    databaseUrl,
    directory,
    kills,
    pageSize: 20,
    onKill: ({ kills: done, copying, comparing }) =>
      process.stderr.write(`\r${done}/${kills} kills, ${copying} during copying, ${comparing} during comparing `),
  });
  const database = await connect({ url: databaseUrl, directory: join(directory, "cairn") });
  const sides = await readBothSides(collection, database, tenant).finally(() => database.close());
  const same = isDeepStrictEqual(sides.chroma, sides.cairn);
  console.log(
    `\n${result.kills} kills, ${result.copying} during copying, ${result.comparing} during comparing. ${result.finished} runs finished before they were killed. Exit code of the last run: ${result.exitCode}.`,
  );
  console.log(
    `${sides.chroma.length} records in Chroma, ${sides.cairn.length} in Cairn: ${same ? "all identical" : "THEY DIFFER"}.`,
  );
  process.exitCode = same && result.exitCode === 0 ? 0 : 1;
} finally {
  await chroma.stop();
  await rm(directory, { recursive: true, force: true });
}
