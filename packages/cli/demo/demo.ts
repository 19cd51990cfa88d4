import { rm } from "node:fs/promises";
import { join } from "node:path";
import { EXIT } from "../exit.ts";
import { main } from "../main.ts";
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
  try {
    const tenants = await seedChroma(chroma.url);
    for (const { hex, name, passages } of tenants)
      console.log(`   tenant_${hex}_knowledge  ${passages.length} passages  (${name})`);

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
    `\nDone in ${((performance.now() - started) / 1000).toFixed(0)} s. Open ${join(FOLDER, "report.html")} to see the proof.`,
  );
  return EXIT.done;
}

/** Runs a command as a user would type it, on the demo's own database. */
function cairn(...args: readonly string[]): Promise<number> {
  console.log(
    `   $ npx cairn ${args.map((arg) => (/[\s?]/.test(arg) ? JSON.stringify(arg) : arg)).join(" ")}`,
  );
  return main([...args, "--directory", join(FOLDER, "cairn")]);
}

function uuid(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

process.exitCode = await demo();
