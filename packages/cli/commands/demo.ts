import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";

export function addDemo(program: Command, { finish, run }: CommandContext): void {
  program
    .command("demo")
    .description(
      "Start a Chroma server with the documents of four tenants, migrate it, verify the result, and ask each tenant a question. Writes to ./.demo. Needs the npm package chromadb.",
    )
    .action(async () => {
      const { demo } = await import("../demo/demo.ts");
      finish(await demo(run));
    });
}
