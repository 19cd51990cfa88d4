import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { hashTable } from "@cairn/core/embedding/word-table/table.ts";
import { makeWordTable } from "./make.ts";

// Writes the table of bundled/glove-50k, and prints its hash: npm run build:word-table

const file = fileURLToPath(import.meta.resolve("@cairn/core/embedding/word-table/table.json"));
const data = await makeWordTable();
await writeFile(file, `${JSON.stringify(data, null, 2)}\n`);
console.log(`${file}\nSHA-256 of the table: ${hashTable(data)}`);
