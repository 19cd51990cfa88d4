#!/usr/bin/env -S node --max-semi-space-size=4 --single-threaded-gc --no-incremental-marking
// Pages of vectors are garbage soon: with a small young generation, and marked in one go, it goes soon, too, and a
// migration takes 270 MB instead of 370. One thread collects with half of the processor's time that four take, which
// Chroma and Postgres have use for.
import module from "node:module"; // whole: an older one lacks what is used of it

// Plain JavaScript: an older Node must be able to read the sentence that says it is too old.
const major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  console.error(
    `cairn runs on Node 24 or newer; this is ${process.versions.node}. In this project's folder, npx cairn and npm run bring their own.`,
  );
  process.exit(1);
}
// Whoever reads the output may have seen enough, as `head` has: what is under way goes on.
process.stdout.on("error", (error) => {
  if (error.code !== "EPIPE") throw error;
});
// Compiled modules are kept from one call to the next.
module.enableCompileCache();
await import("@cairn/core/database/drizzle-hook.mjs"); // a command starts in half the time
const { main } = await import("../main.ts");
process.exitCode = await main(process.argv.slice(2));
