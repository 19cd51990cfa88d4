import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { parseConfig } from "../config.ts";

export function addDemo(program: Command, { finish, run }: CommandContext): void {
  program
    .command("demo")
    .description(
      "Start a Chroma server with the documents of four tenants, migrate it, verify the result, ask each tenant a question, and move one to Cairn and back while an application uses it. Writes to ./.demo. Needs the npm package chromadb.",
    )
    .action(async (_options: unknown, command: Command) => {
      const { demo } = await import("../demo/demo.ts");
      finish(await demo(run, parseConfig(command.optsWithGlobals())));
    });
}
