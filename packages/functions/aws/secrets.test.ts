import { execFile } from "node:child_process";
import { createCipheriv, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { readSettings } from "../settings.ts";

test("an error of settings names the setting but never its value; a secret that was never set is undefined", () => {
  const secrets: Record<string, string> = { DatabaseUrl: "postgres://u:hunter2@h/d", OpenAiApiKey: "unset" };
  const read = (changes: Record<string, string | undefined> = {}, environment = {}) =>
    readSettings((name) => ({ ...secrets, ...changes })[name], environment);
  expect(read().openaiApiKey).toBeUndefined();
  expect(read({}, { CAIRN_RATE_LIMIT: "5" }).requestsPerMinute).toBe(5);
  expect(() => read({ DatabaseUrl: undefined })).toThrow(/databaseUrl/);
  expect(() => read({ DatabaseUrl: "mysql://u:hunter2@h" })).toThrow(/^(?!.*hunter2).*databaseUrl/);
});

test("a deployed function reads its secrets from the bundle's encrypted resources", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cairn-resources-"));
  const file = join(folder, "resource.enc");
  const key = randomBytes(32);
  const cipher = createCipheriv("aes-256-gcm", key, Buffer.alloc(12)); // SST uses each key for one deploy only
  const plain = JSON.stringify({ DatabaseUrl: { type: "sst.sst.Secret", value: "postgres://linked" } });
  await writeFile(file, Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
  const linked = new URL("linked-resource.ts", import.meta.url).href;
  const script = `const { linkedResource } = await import(${JSON.stringify(linked)});
    console.log(JSON.stringify([linkedResource("DatabaseUrl"), linkedResource("Missing") ?? null]));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    env: {
      ...process.env,
      SST_RESOURCE_App: '{"name":"cairn","stage":"test"}',
      SST_KEY_FILE: file,
      SST_KEY: key.toString("base64"),
    },
  });
  expect(JSON.parse(stdout)).toEqual(["postgres://linked", null]);
  await rm(folder, { recursive: true });
});
