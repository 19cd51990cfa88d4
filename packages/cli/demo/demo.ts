import { rm } from "node:fs/promises";
import { join } from "node:path";
import { BUNDLED_MODEL } from "@cairn/core/embedding/bundled/dimensions.ts";
import type { CommandContext } from "../command-context.ts";
import type { Config } from "../config.ts";
import { EXIT } from "../exit.ts";
import { COMMAND } from "../terminal/command-name.ts";
import { count } from "../terminal/counts.ts";
import { startChroma } from "./chroma-server.ts";
import { moveTenant } from "./move-tenant.ts";
import { runApplication, runCairn, serveCairn } from "./same-application.ts";
import { seedChroma } from "./seed.ts";

type RunCommand = CommandContext["run"];

/** Folder of the demo: the data of both servers and the reports. */
const FOLDER = ".demo";
const DIRECTORY = join(FOLDER, "cairn");
/** None of its words is in the passages that answer it. */
const QUESTION = "Can I get my money back?";

/**
 * Runs the demo: starts a real Chroma server with the documents of four tenants, migrates it, verifies the result, queries
 * each tenant with the same question, runs an application of Chroma against both, and moves a tenant
 * to Cairn and back while another one uses it. It runs the commands that a user types. Returns the exit code.
 */
export async function demo(run: RunCommand, config: Config): Promise<number> {
  const cairn = (...args: readonly string[]) => runPrinted(run, args);
  const started = performance.now();
  await rm(FOLDER, { recursive: true, force: true });
  console.log("1. Start a Chroma server with the documents of four tenants");
  const chroma = await startChroma({ path: join(FOLDER, "chroma") });
  const { hostname, port } = new URL(chroma.url);
  const chromaCommand = `chroma run --path ${join(FOLDER, "chroma")} --host ${hostname} --port ${port}`;
  console.log(`   $ npx ${chromaCommand}`);
  try {
    const tenants = await seedChroma(chroma.url);
    for (const { hex, name, passages } of tenants)
      console.log(`   tenant_${hex}_knowledge  ${count(passages.length, "passage")}  (${name})`);

    console.log("\n2. Migrate it into Postgres and compare every record and search");
    const migrated = await cairn(
      "migrate",
      "--chroma",
      chroma.url,
      "--source-model",
      BUNDLED_MODEL,
      "--report",
      join(FOLDER, "report.html"),
    );
    if (migrated !== EXIT.exceptions && migrated !== EXIT.done) return migrated;
    if (migrated === EXIT.exceptions)
      console.log(
        "   (The quarantined records belong to the first tenant. No search can use them; the demo adds them on purpose.)",
      );

    console.log("\n3. Compare both sides again, without writing anything");
    const verified = await cairn(
      "verify",
      "--chroma",
      chroma.url,
      "--source-model",
      BUNDLED_MODEL,
      "--report",
      join(FOLDER, "verify.html"),
    );
    if (verified !== migrated) return EXIT.failure;

    console.log(`\n4. ${QUESTION}`);
    for (const { hex, name } of tenants) {
      console.log(`\n   ${name}`);
      const queried = await cairn("query", "--tenant", uuid(hex), "--top-k", "1", QUESTION);
      if (queried !== EXIT.done) return queried;
    }

    console.log("\n5. Run an application that was written for Chroma, unchanged, against both servers");
    const { hex = "", name = "" } = tenants[1] ?? {};
    const collection = `tenant_${hex}_knowledge`;
    if (!(await compareApplication(cairn, chroma.url, collection))) return EXIT.failure;

    console.log(`\n6. Move ${name} to Cairn and back, while an application that was written for Chroma uses it`);
    const report = join(FOLDER, "cutover.html");
    const move = { config: { ...config, directory: DIRECTORY }, chromaUrl: chroma.url, collection, report };
    if (!(await moveTenant({ ...move, tenant: uuid(hex) }))) return EXIT.failure;
  } finally {
    await chroma.stop();
  }
  console.log(
    `\nDone in ${((performance.now() - started) / 1000).toFixed(0)} s. Open ${join(FOLDER, "report.html")} to see the report.
You can run each command above again. Steps 2 and 3 need the Chroma server, which is stopped now: start it with the command of
step 1.`,
  );
  return EXIT.done;
}

/** Whether the application gets the same answers from Cairn, with the key of a namespace that knows the names of Chroma. */
async function compareApplication(
  cairn: (...args: readonly string[]) => Promise<number>,
  chromaUrl: string,
  collection: string,
): Promise<boolean> {
  if ((await cairn("namespaces", "create", "demo")) !== EXIT.done) return false;
  const token = await runCairn("namespaces", "keys", "create", "demo", "--directory", DIRECTORY);
  const service = await serveCairn(DIRECTORY);
  try {
    const expected = await runApplication({ url: chromaUrl }, collection);
    const actual = await runApplication({ url: service.url, token }, collection);
    console.log(`   Chroma, ${chromaUrl}\n${expected}   Cairn, ${service.url}\n${actual.trimEnd()}`);
    console.log(actual === expected ? "   The answers are the same." : "   The answers differ.");
    return actual === expected;
  } finally {
    await service.stop();
  }
}

/** Prints a command and runs it on the demo's database. The printed command does the same in a shell. */
function runPrinted(run: RunCommand, args: readonly string[]): Promise<number> {
  const command = [...args, "--directory", DIRECTORY];
  console.log(`   $ ${COMMAND} ${command.map(quote).join(" ")}`);
  return run(command);
}

/** Quotes an argument for a shell. */
function quote(text: string): string {
  return /^[\w./:=@-]+$/.test(text) ? text : `"${text.replaceAll(/["$`\\]/g, "\\$&")}"`;
}

function uuid(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
