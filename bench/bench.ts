import { parseArgs } from "node:util";
import { benchMemory } from "./memory.ts";
import { benchMigrate } from "./migrate.ts";
import { describeMachine } from "./support/machine.ts";

const BENCHES: Readonly<Record<string, (size: number) => Promise<void>>> = {
  migrate: benchMigrate,
  memory: benchMemory,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { size: { type: "string", default: "10000" } },
});
const size = Number(values.size.replace(/k$/, "000").replace(/m$/, "000000"));
const unknown = positionals.find((name) => !(name in BENCHES));
if (unknown !== undefined || !Number.isInteger(size)) {
  console.error(`usage: npm run bench -- [${Object.keys(BENCHES).join("|")}] [--size 10k]`);
  process.exit(2);
}
console.log(describeMachine());
for (const [name, bench] of Object.entries(BENCHES))
  if (positionals.length === 0 || positionals.includes(name)) await bench(size);
