import { sql } from "drizzle-orm";
import { DrizzleQueryError } from "drizzle-orm/errors";
import { beforeAll, expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { loggableText, rejectionOf } from "../../../test/support/rejection.ts";
import { changeCollection } from "../collection/change.ts";
import { createCollection } from "../collection/create.ts";
import { countDocuments } from "../document/count.ts";
import { ingest } from "../document/ingest.ts";
import { AppError } from "../error.ts";
import { databaseFailure } from "./failure.ts";
import { selectRows } from "./rows.ts";
import { asTenant } from "./transaction.ts";

const CANARY = "canary-7f3a";

const own = useTestDatabase();
const tenantId = useTenant(own);
beforeAll(async () => {
  await createCollection(own.database, tenantId, { embeddingModel: null, dimensions: 2 });
});

const runAsTenant = (statement: ReturnType<typeof sql>) =>
  asTenant(own.database, tenantId, ({ orm }) => orm.execute(statement));

test.each([
  ["a value that cannot be cast", "invalid_input", () => runAsTenant(sql`SELECT ${CANARY}::int`)],
  ["a value that is not JSON", "invalid_input", () => runAsTenant(sql`SELECT ${`{"${CANARY}": `}::jsonb`)],
  [
    "a regular expression that cannot be compiled",
    "invalid_filter",
    () => runAsTenant(sql`SELECT '' ~ ${`(${CANARY}`}`),
  ],
  [
    "a value that is too large",
    "invalid_input",
    () => runAsTenant(sql`SELECT ${`${CANARY}`.repeat(3)}::varchar(4)::uuid`),
  ],
  [
    "a unique violation",
    "already_exists",
    () =>
      runAsTenant(sql`INSERT INTO cairn.collections (tenant_id, name, metric)
                  SELECT ${tenantId}::uuid, ${CANARY}, 'cosine' FROM generate_series(1, 2)`),
  ],
  [
    "a check violation",
    "database_error",
    () =>
      runAsTenant(
        sql`INSERT INTO cairn.collections (tenant_id, name, metric) VALUES (${tenantId}::uuid, ${CANARY}, 'no')`,
      ),
  ],
  [
    "a foreign key violation",
    "not_found",
    () =>
      runAsTenant(sql`INSERT INTO cairn.documents (tenant_id, collection_id, id, content)
                  VALUES (${tenantId}::uuid, ${crypto.randomUUID()}::uuid, ${CANARY}, ${CANARY})`),
  ],
  [
    "a row that a policy refuses",
    "database_error",
    () =>
      runAsTenant(
        sql`INSERT INTO cairn.collections (tenant_id, name, metric) VALUES (${crypto.randomUUID()}::uuid, ${CANARY}, 'ip')`,
      ),
  ],
  [
    "a row that is too large for its index",
    "invalid_input",
    () =>
      runAsTenant(sql`
      INSERT INTO cairn.collections (tenant_id, name, metric)
      SELECT ${tenantId}::uuid, ${CANARY} || string_agg(gen_random_uuid()::text, ''), 'ip' FROM generate_series(1, 300)`),
  ],
])("%s is reported without the value", async (_, code, attempt) => {
  const error = await rejectionOf(attempt());
  expect(error).toMatchObject({
    code,
    cause: { sqlstate: expect.stringMatching(/^[0-9A-Z]{5}$/) },
  });
  expect(loggableText(error)).not.toContain(CANARY);
});

test("an unencoded NUL is reported without the text", async () => {
  const error = await rejectionOf(runAsTenant(sql`SELECT ${`${CANARY}\0`}::text`));
  expect(error.code).toBe("invalid_input");
  expect(loggableText(error)).not.toContain(CANARY);
});

test("a taken name is reported without the collection's metadata", async () => {
  await createCollection(own.database, tenantId, { name: "taken", embeddingModel: null });
  await createCollection(own.database, tenantId, { name: "other", embeddingModel: null });
  const error = await rejectionOf(
    changeCollection(own.database, tenantId, "other", { name: "taken", metadata: { secret: CANARY } }),
  );
  expect(error.code).toBe("already_exists");
  expect(loggableText(error)).not.toContain(CANARY);
});

test("an error does not contain the documents that the database refused", async () => {
  // A third-party trigger whose error message contains the row.
  await own.database.transaction(({ script }) =>
    script(`CREATE FUNCTION public.raise_row() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN RAISE unique_violation USING MESSAGE = 'no: ' || NEW::text, DETAIL = NEW::text; END $$;
            CREATE TRIGGER raise_row BEFORE INSERT ON cairn.documents FOR EACH ROW EXECUTE FUNCTION public.raise_row()`),
  );
  try {
    const embedding = new Float32Array([1, 2]);
    const documents = [{ id: `id-${CANARY}`, content: `text ${CANARY}`, metadata: { [CANARY]: CANARY }, embedding }];
    const error = await rejectionOf(ingest(own.services, tenantId, { documents }));
    expect(error).toMatchObject({ code: "already_exists", cause: { sqlstate: "23505" } });
    expect(loggableText(error)).not.toContain(CANARY);
  } finally {
    await own.database.transaction(({ script }) => script("DROP FUNCTION public.raise_row CASCADE"));
  }
  expect(await countDocuments(own.database, tenantId)).toEqual({ documents: 0, passages: 0 });
});

test("a Drizzle error is always replaced, whatever its cause", () => {
  for (const cause of [
    undefined,
    new Error("driver"),
    Object.assign(new Error("x"), { code: "23505", detail: CANARY }),
  ]) {
    const failure = databaseFailure(new DrizzleQueryError(`SELECT '${CANARY}'`, [CANARY], cause));
    expect(failure).not.toBeInstanceOf(DrizzleQueryError);
    if (failure instanceof AppError) expect(loggableText(failure)).not.toContain(CANARY);
  }
});

test("an error that the work throws is passed on unchanged", async () => {
  const bug = new TypeError("a bug");
  await expect(own.database.transaction(() => Promise.reject(bug))).rejects.toBe(bug);
  const appError = new AppError("not_found", "no");
  await expect(own.database.transaction(() => Promise.reject(appError))).rejects.toBe(appError);
});

test("a transaction fails if it swallowed the error of a statement", async () => {
  const attempt = own.database.transaction(async ({ orm, script }) => {
    await script("CREATE TABLE public.swallowed ()");
    await orm.execute(sql`SELECT 1/0`).catch(() => {});
    return "done";
  });
  await expect(attempt).rejects.toMatchObject({ code: "database_busy" });
  const rows = await own.database.transaction(({ orm }) =>
    selectRows(orm, sql`SELECT to_regclass('public.swallowed') IS NULL AS gone`),
  );
  expect(rows).toEqual([{ gone: true }]);
});

// The embedded database has no signals, so it has no statement_timeout.
test.runIf(serverUrl())("a statement that takes too long is database_timeout, without its SQL", async () => {
  const attempt = own.database.transaction(async ({ orm, script }) => {
    await script("SET LOCAL statement_timeout = 30");
    await orm.execute(sql`SELECT ${CANARY}::text, count(*) FROM generate_series(1, 1000000000)`);
  });
  const error = await rejectionOf(attempt);
  expect(error.code).toBe("database_timeout");
  expect(loggableText(error)).not.toMatch(new RegExp(`${CANARY}|generate_series`));
});
