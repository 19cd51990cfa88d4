import { expect, test } from "vitest";
import { connectServer, type ServerOptions } from "./connect-server.ts";

async function kindOf(options: ServerOptions): Promise<string> {
  const database = await connectServer(options); // opens no connection
  await database.close();
  return database.kind;
}

test.each([
  ["postgres://u:p@ep-calm-sky-a1.eu-central-1.aws.neon.tech/db?sslmode=require", "neon"],
  ["postgresql://u:p@ep-calm-sky-a1-pooler.eu-central-1.aws.neon.tech:5432/db", "neon"],
  ["postgres://u:p@db.example.com/db", "pg"],
  ["postgres://u:p@127.0.0.1:5432/db", "pg"],
  ["postgres://u.neon.tech:p@neon.tech.example.com/db.neon.tech?host=x.neon.tech", "pg"],
  ["postgres://u:p@notneon.tech/db", "pg"],
])("the URL's host selects the driver unless the driver is set: %s uses %s", async (url, kind) => {
  expect(await kindOf({ url })).toBe(kind);
  for (const driver of ["pg", "neon"] as const) expect(await kindOf({ url, driver })).toBe(driver);
});
