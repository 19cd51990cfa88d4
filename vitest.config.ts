import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/**/*.test.ts", "test/**/*.test.ts"],
    globalSetup: "test/support/setup.ts",
    testTimeout: 180_000,
    hookTimeout: 120_000,
    maxWorkers: 3, // many tests wait for a server or a process
    execArgv: ["--import", "@cairn/core/database/drizzle-hook.mjs"],
  },
});
