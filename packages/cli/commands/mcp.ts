import { createMcpServer } from "@cairn/api/mcp/server.ts";
import { createLog } from "@cairn/api/telemetry/log.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { chooseTenant, withServices } from "../open.ts";
import { paragraph } from "../terminal/print.ts";
import { withTenant } from "./collections.ts";

const HELP = `
Offers the tools search and fetch to an assistant on this machine, over standard input and output, as the Model
Context Protocol has it. For assistants elsewhere, cairn serve offers the same at /mcp.`;

export function addMcp(program: Command, { signal }: CommandContext): void {
  withTenant(
    program
      .command("mcp")
      .summary("offer the knowledge base to an assistant (MCP)")
      .description(paragraph(HELP)),
  ).action((flags: { readonly tenant?: string }, command: Command) =>
    withServices(command, async (services) => {
      const { id } = await chooseTenant(services, flags.tenant);
      const { StdioServerTransport } = await import("@modelcontextprotocol/sdk/server/stdio.js");
      // Standard output is the protocol's own; assistants keep what comes on the other.
      const log = createLog({ level: "error", write: (line) => process.stderr.write(line) });
      const onFailure = (error: unknown) => log.failure(error, { about: "a tool" });
      const server = await createMcpServer(services, id, { signal, onFailure });
      const ended = new Promise<void>((resolve) => {
        process.stdin.once("end", resolve).once("close", resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      await server.connect(new StdioServerTransport());
      await ended;
      await server.close();
    }),
  );
}
