#!/usr/bin/env -S node --max-semi-space-size=4 --single-threaded-gc --no-incremental-marking
// Pages of vectors become garbage soon. A small young generation and non-incremental marking free them soon: a migration
// takes 270 MB instead of 370 MB. One collector thread takes half of the CPU time of four; Chroma and Postgres use the rest.
import module from "node:module"; // default import: an older Node lacks the named export that is used below

// This file is plain JavaScript, so that an older Node can print the message about its version.
const major = Number(process.versions.node.split(".")[0]);
// The published package is compiled for an older Node than the sources.
const compiledFor = typeof CAIRN_MIN_NODE === "undefined" ? undefined : CAIRN_MIN_NODE;
const required = compiledFor ?? 24;
if (major < required) {
  const hint = " In this project's folder, npx cairn and npm run use the Node that npm ci installed.";
  console.error(
    `cairn needs Node ${required} or newer; this is Node ${process.versions.node}.${compiledFor ? "" : hint}`,
  );
  process.exit(1);
}
// A reader such as `head` can close the pipe early. The command continues.
process.stdout.on("error", (error) => {
  if (error.code !== "EPIPE") throw error;
});
// Caches compiled modules between calls.
module.enableCompileCache();
await import("@cairn/core/database/drizzle-hook.mjs"); // halves the start-up time
const { main } = await import("../main.ts");
process.exitCode = await main(process.argv.slice(2));
