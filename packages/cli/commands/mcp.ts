import { createMcpServer } from "@cairn/api/mcp/server.ts";
import { createLog } from "@cairn/api/telemetry/log.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { withTenant } from "../open.ts";
import { addTenantOption } from "../options/tenant-option.ts";
import { trackRequests } from "../serve/open-requests.ts";
import { paragraph } from "../terminal/print.ts";

const HELP = `
Serve the tools search and fetch to an assistant on this machine, with the Model Context Protocol over standard input and
output. For remote assistants, cairn serve has the same tools at /mcp.`;

export function addMcp(program: Command, { signal }: CommandContext): void {
  addTenantOption(
    program.command("mcp").summary("Serve the knowledge base to a local assistant (MCP)").description(paragraph(HELP)),
  ).action((_flags: object, command: Command) =>
    withTenant(command, async (services, { id }) => {
      const { StdioServerTransport } = await import("@modelcontextprotocol/sdk/server/stdio.js");
      // Standard output is for the protocol. Assistants store standard error as a log.
      const log = createLog({ level: "error", write: (line) => process.stderr.write(line) });
      const onFailure = (error: unknown) => log.failure(error, { about: "a tool" });
      const server = await createMcpServer(services, id, { signal, onFailure });
      const ended = new Promise<void>((resolve) => {
        process.stdin.once("end", resolve).once("close", resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      const transport = new StdioServerTransport();
      await server.connect(transport);
      const requests = trackRequests(transport);
      await ended;
      if (!signal.aborted) await requests.settled(); // a script closes its end after the last request
      await server.close();
    }),
  );
}
