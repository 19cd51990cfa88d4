import { fileURLToPath } from "node:url";
import { connectPg } from "@cairn/core/database/pg.ts";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { expect, onTestFinished, test, vi } from "vitest";
import { createCairnCli } from "../../../test/support/cairn-cli.ts";
import type { ToolResult } from "../../../test/support/mcp.ts";

test("over stdio, it serves an assistant on the same machine", async () => {
  const cli = await createCairnCli();
  onTestFinished(() => cli.remove());
  await cli.run(["db", "migrate"]);
  await cli.run(["tenants", "create", "acme"]);
  await cli.run(["ingest", "--id", "hours"], { input: "We are open from nine to five." });
  const client = new Client({ name: "test", version: "1" });
  const command = fileURLToPath(new URL("../../cli/bin/cairn.mjs", import.meta.url));
  const env = { ...process.env, DATABASE_URL: cli.databaseUrl ?? "", OPENAI_API_KEY: "" } as Record<string, string>;
  const args = [command, "mcp"];
  const transport = new StdioClientTransport({
    command: process.execPath,
    args,
    cwd: cli.folder,
    env,
    stderr: "pipe",
  });
  let output = "";
  transport.stderr?.on("data", (bytes: Buffer) => {
    output += bytes;
  });
  await client.connect(transport as never);
  const found = (await client.callTool({
    name: "search",
    arguments: { query: "open hours" },
  })) as unknown as ToolResult;
  expect(found.structuredContent.results[0].text).toContain("nine to five");
  if (cli.databaseUrl) {
    const owner = connectPg({ url: cli.databaseUrl });
    onTestFinished(() => owner.close());
    // An unexpected database error in every search.
    await owner.transaction(({ script }) =>
      script(`
        CREATE FUNCTION cairn.broken() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$;
        CREATE POLICY broken ON cairn.documents AS RESTRICTIVE USING (cairn.broken());`),
    );
    const failed = await client.callTool({ name: "search", arguments: { query: "open hours" } });
    expect(failed.isError).toBe(true);
    await vi.waitFor(() => expect(JSON.parse(output)).toMatchObject({ about: "a tool", message: "failure" }));
    expect(output).not.toContain("open hours");
  }
  await client.close();
});

test("over stdio, a script gets the response to its last request although it closes its end", async () => {
  const cli = await createCairnCli();
  onTestFinished(() => cli.remove());
  await cli.run(["db", "migrate"]);
  await cli.run(["tenants", "create", "acme"]);
  const env = { CAIRN_EMBEDDING_MODEL: "bundled/use-lite" }; // takes half a second to load
  await cli.run(["ingest", "--id", "hours"], { input: "We are open from nine to five.", env });
  const clientInfo = { name: "script", version: "1" };
  const messages = [
    { id: 1, method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo } },
    { method: "notifications/initialized" },
    { id: 2, method: "tools/call", params: { name: "search", arguments: { query: "open" } } },
  ];
  const input = messages.map((message) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`).join("");
  const { out, err, code } = await cli.run(["mcp"], { input, env });
  expect([code, err]).toEqual([0, ""]);
  expect(
    out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).id),
  ).toEqual([1, 2]);
  expect(out).toContain("nine to five");
});
