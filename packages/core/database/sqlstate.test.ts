import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { asTenant } from "./transaction.ts";

// Errors of the database by SQLSTATE, with the driver that the suite runs with.

const own = useTestDatabase();
const tenantId = useTenant(own);

const PATH = "/var/lib/postgresql/17/main/base/16384/2619";

function raise(sqlstate: string, message = `could not extend file "${PATH}": ${PATH}`) {
  return asTenant(own.database, tenantId, ({ script }) =>
    script(`DO $$ BEGIN RAISE EXCEPTION '${message}' USING ERRCODE = '${sqlstate}'; END $$`),
  );
}

test.each([
  ["22003", "invalid_input"],
  ["22P02", "invalid_input"],
  ["22021", "invalid_input"],
  ["22012", "database_error"],
  ["2201B", "invalid_filter"],
  ["22025", "invalid_filter"],
  ["22023", "database_error"],
  ["23503", "not_found"],
  ["23505", "already_exists"],
  ["25006", "database_unavailable"],
  ["25P02", "database_busy"],
  ["25P04", "database_timeout"],
  ["40001", "database_busy"],
  ["40P01", "database_busy"],
  ["42703", "schema_outdated"],
  ["42P01", "schema_outdated"],
  ["53000", "database_exhausted"],
  ["53100", "database_exhausted"],
  ["53200", "database_exhausted"],
  ["53300", "database_unavailable"],
  ["53400", "database_exhausted"],
  ["54000", "invalid_input"],
  ["54001", "invalid_input"],
  ["55P03", "database_timeout"],
  ["57014", "database_timeout"],
  ["58030", "database_error"],
  ["58P01", "database_error"],
  ["XX001", "database_error"],
])("SQLSTATE %s is %s, and the message names no file of the server", async (sqlstate, code) => {
  const error = await raise(sqlstate).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code, cause: { sqlstate } });
  expect((error as Error).message).not.toMatch(/\/var|base\/|16384/);
});

test("the message for a number out of range says what to do", async () => {
  await expect(raise("22003")).rejects.toMatchObject({
    message: expect.stringMatching(/outside the range.*smaller number.*string/),
  });
});

test.each([
  ["an unquoted path", "could not open /etc/ssl/private/server.key: Permission denied"],
  ["a Windows path", "could not open C:\\pgdata\\base\\1: no such file"],
  ["a relative path", 'could not read block 3 in file "base/16384/2619": read only 0 bytes'],
  ["a library", 'could not access file "$libdir/vector": No such file or directory'],
])("%s in a server's message does not reach the caller", async (_, message) => {
  const error = (await raise("58030", message).catch((thrown: unknown) => thrown)) as Error;
  expect(error.message).toMatch(/SQLSTATE 58030.*a file/);
  expect(error.message).not.toMatch(/etc|pgdata|16384|libdir/);
});

test("an invalid value or pattern of the caller is invalid_input or invalid_filter", async () => {
  const compute = (expression: ReturnType<typeof sql>) =>
    asTenant(own.database, tenantId, ({ orm }) => orm.execute(sql`SELECT ${expression}`));
  await expect(compute(sql`${"1e400"}::float8`)).rejects.toMatchObject({ code: "invalid_input" });
  await expect(compute(sql`'x' ~ ${"a{2,1}"}`)).rejects.toMatchObject({ code: "invalid_filter" });
  await expect(compute(sql`'x' ~ ${"["}`)).rejects.toMatchObject({ code: "invalid_filter" });
  await expect(compute(sql`'xx' LIKE ${"x\\"}`)).rejects.toMatchObject({ code: "invalid_filter" });
  const lexemes = Array.from({ length: 200_000 }, (_, n) => `word${n}x`).join(" ");
  await expect(compute(sql`to_tsvector('simple', ${lexemes})`)).rejects.toMatchObject({
    code: "invalid_input",
    cause: { sqlstate: "54000" },
  });
});
