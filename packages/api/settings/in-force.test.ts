import { expect, test } from "vitest";
import { settingsInForce } from "./in-force.ts";
import { SETTINGS } from "./table.ts";

const secret = "sk-canary-3b7e";

test("the configuration in force has no secret, and a URL of it no user, password and query", () => {
  const values = {
    databaseUrl: `postgres://cairn:${secret}@db.example.com/cairn`,
    openaiApiKey: secret,
    openaiBaseUrl: `https://user:${secret}@models.example.com/v1?key=${secret}`,
    port: 9000,
  };
  const settings = settingsInForce([SETTINGS], ["cairn", "serve"], values);
  expect(JSON.stringify(settings)).not.toContain(secret);
  const find = (name: string) => settings.find((setting) => setting.name === name);
  expect(find("--database-url")).toMatchObject({ is_secret: true, is_set: true, value: null });
  expect(find("--openai-base-url")).toMatchObject({ value: "https://models.example.com/v1" });
  expect(find("--port")).toMatchObject({ variable: "PORT", value: "9000", default: "8787", is_set: true });
  expect(find("--host")).toMatchObject({ value: null, default: "127.0.0.1", is_set: false });
});

test("every setting of a service is listed once, without the options of single commands", () => {
  const names = settingsInForce([SETTINGS], ["cairn", "serve"], {}).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toContain("--chat-model");
  expect(names).not.toContain("--json");
});
