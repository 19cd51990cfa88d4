import { expect, test } from "vitest";
import { settingMessages } from "./settings.ts";

const TENANT = { role: "cairn_app", "cairn.tenant_id": "it's" };

test("all settings of a transaction are one message", () => {
  expect(settingMessages(TENANT, { isDistributed: false })).toEqual([
    "SET LOCAL role = 'cairn_app'; SET LOCAL cairn.tenant_id = 'it''s'",
  ]);
  expect(settingMessages({}, { isDistributed: false })).toEqual([]);
});

test("on Citus each setting is a message, and the role is the last, without SET", () => {
  expect(settingMessages({ ...TENANT, statement_timeout: 0 }, { isDistributed: true })).toEqual([
    "SET LOCAL cairn.tenant_id = 'it''s'",
    "SET LOCAL statement_timeout = '0'",
    "SELECT set_config('role', 'cairn_app', true)",
  ]);
  expect(settingMessages({ statement_timeout: 0 }, { isDistributed: true })).toHaveLength(1);
});
