import { rm } from "node:fs/promises";
import { join } from "node:path";
import { EXIT } from "../exit.ts";
import { main } from "../main.ts";
import { count } from "../terminal/counts.ts";
import { startChroma } from "./chroma-server.ts";
import { seedChroma } from "./seed.ts";

/** Where the demo keeps what it makes. */
const FOLDER = ".demo";
const QUESTION = "What is our return policy?";

/**
 * Shows the whole way: a real Chroma server with a few tenants' knowledge, the migration, the proof, and the same
 * question put to every tenant. Runs the same commands that a user types. Returns the exit code.
 */
export async function demo(): Promise<number> {
  const started = performance.now();
  await rm(FOLDER, { recursive: true, force: true });
  console.log("1. A Chroma server, as you may have one, with the knowledge of a few tenants");
  const chroma = await startChroma({ path: join(FOLDER, "chroma") });
  const { hostname, port } = new URL(chroma.url);
  const serving = `chroma run --path ${join(FOLDER, "chroma")} --host ${hostname} --port ${port}`;
  console.log(`   $ npx ${serving}`);
  try {
    const tenants = await seedChroma(chroma.url);
    for (const { hex, name, passages } of tenants)
      console.log(`   tenant_${hex}_knowledge  ${count(passages.length, "passage")}  (${name})`);

    console.log("\n2. Into Postgres, compared record by record and search by search");
    const migrated = await cairn(
      "migrate",
      "--chroma",
      chroma.url,
      "--source-model",
      "offline/words",
      "--report",
      join(FOLDER, "report.html"),
    );
    if (migrated !== EXIT.exceptions && migrated !== EXIT.done) return migrated;
    if (migrated === EXIT.exceptions)
      console.log(
        "   (The first tenant was given a few records on purpose that no search can use: they are the ones set aside.)",
      );

    console.log("\n3. Once more, at any time: both sides are compared, nothing is written");
    const verified = await cairn(
      "verify",
      "--chroma",
      chroma.url,
      "--source-model",
      "offline/words",
      "--report",
      join(FOLDER, "verify.html"),
    );
    if (verified !== migrated) return EXIT.failure;

    console.log(`\n4. ${QUESTION}`);
    for (const { hex, name } of tenants) {
      console.log(`\n   ${name}`);
      const asked = await cairn("query", "--tenant", uuid(hex), "--top-k", "1", QUESTION);
      if (asked !== EXIT.done) return asked;
    }
  } finally {
    await chroma.stop();
  }
  console.log(
    `\nDone in ${((performance.now() - started) / 1000).toFixed(0)} s. Open ${join(FOLDER, "report.html")} to see the proof.
Each command above works as it stands here; those of steps 2 and 3 need the Chroma server, which has been stopped: start it
with the command of step 1.`,
  );
  return EXIT.done;
}

/** Runs a command on the demo's own database, as it is printed: pasted into a shell it does the same. */
function cairn(...args: readonly string[]): Promise<number> {
  const all = [...args, "--directory", join(FOLDER, "cairn")];
  console.log(`   $ npx cairn ${all.map(quote).join(" ")}`);
  return main(all);
}

/** An argument as a shell takes it. */
function quote(text: string): string {
  return /^[\w./:=@-]+$/.test(text) ? text : `"${text.replaceAll(/["$`\\]/g, "\\$&")}"`;
}

function uuid(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

process.exitCode = await demo();
