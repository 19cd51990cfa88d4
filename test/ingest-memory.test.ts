import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { createTestDatabase, serverUrl } from "./support/database.ts";
import { startEmbeddingApi } from "./support/embedding-api.ts";
import { cheap } from "./support/embedding-dialects.ts";

const SCRIPT = fileURLToPath(new URL("../bench/memory/worst-ingest.ts", import.meta.url));

/** The vectors of these passages are 200 MB. */
const PASSAGES = 3_000;

describe.runIf(serverUrl())("peak memory of a process that ingests at 16,000 dimensions", () => {
  test.each(["many", "long"])("stays below 512 MB: %s", { timeout: 300_000 }, async (form) => {
    const testDatabase = await createTestDatabase();
    const api = await startEmbeddingApi({ dimensions: 16_000, dialect: cheap(16_000) });
    try {
      const args = [SCRIPT, testDatabase.url as string, api.url, form, String(PASSAGES)];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      const { megabytes, passages, failed } = JSON.parse(stdout);
      expect(failed).toBe(0);
      expect(passages).toBeGreaterThanOrEqual(PASSAGES);
      expect(megabytes).toBeLessThan(512);
    } finally {
      await api.stop();
      await testDatabase.drop();
    }
  });
});
