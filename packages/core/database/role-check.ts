import { sql } from "drizzle-orm";
import { AppError } from "../error.ts";
import type { Database, Transaction } from "./database.ts";
import { asAdmin, asTenant } from "./transaction.ts";

const NOBODY = "00000000-0000-0000-0000-000000000000";

/**
 * Checks that row-level security is effective: inside a tenant's and an administrator's transaction, it reads the
 * attributes of the current role and of every tenant table. Called once at start-up. Throws `unsafe_role`, or
 * `schema_outdated` if there are no tables yet.
 */
export async function assertIsolation(database: Database): Promise<void> {
  // Uses the functions that every request uses, so that an error in them is found here as well.
  await asTenant(database, NOBODY, async (transaction) => {
    await assertRole(transaction, "cairn_app");
    await assertTables(transaction);
  });
  await asAdmin(database, (transaction) => assertRole(transaction, "cairn_admin"));
}

interface RoleRow {
  readonly role: string;
  readonly superuser: boolean;
  readonly bypasses: boolean;
  readonly owns: number;
  readonly member_of: string | null;
}

async function assertRole({ orm }: Transaction, expected: string): Promise<void> {
  const [role] = await orm.selectRows<RoleRow>(sql`
        SELECT r.rolname AS role, r.rolsuper AS superuser, r.rolbypassrls AS bypasses,
          (SELECT count(*)::int FROM pg_class c WHERE c.relowner = r.oid) AS owns,
          (SELECT string_agg(g.rolname, ', ') FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
            WHERE m.member = r.oid) AS member_of
        FROM pg_roles r WHERE r.rolname = current_user`);
  const fault =
    role?.role !== expected
      ? `runs as ${role?.role ?? "nobody"} instead of ${expected}`
      : role.superuser
        ? "is a superuser"
        : role.bypasses
          ? "has BYPASSRLS"
          : role.owns > 0
            ? `owns ${role.owns} tables, and an owner may switch row-level security off`
            : role.member_of
              ? `is a member of ${role.member_of}, whose rights it could take`
              : undefined;
  if (fault)
    throw new AppError(
      "unsafe_role",
      `Refusing to start: the role ${expected} ${fault}, so one tenant could read another's rows. ` +
        `Fix this as the database's owner: ALTER ROLE ${expected} NOSUPERUSER NOBYPASSRLS; REVOKE its memberships; ` +
        `REASSIGN OWNED BY ${expected} TO the owner.`,
    );
}

async function assertTables({ orm }: Transaction): Promise<void> {
  const tables = await orm.selectRows<{ name: string; forced: boolean }>(sql`
        SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced FROM pg_class c
        WHERE c.relnamespace = to_regnamespace('cairn') AND c.relkind IN ('r', 'p')
          AND c.relname <> 'schema_migrations'
        ORDER BY 1`);
  if (!tables.some(({ name }) => name === "documents"))
    throw new AppError("schema_outdated", "The database does not have Cairn's tables.", {
      remedy: "migrate_schema",
    });
  const unprotected = tables.filter(({ forced }) => !forced);
  if (unprotected.length === 0) return;
  const names = unprotected.map(({ name }) => `cairn.${name}`).join(", ");
  throw new AppError(
    "unsafe_role",
    `Refusing to start: row-level security is not forced on ${names}. ` +
      "Fix this as the owner: ALTER TABLE … ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY.",
  );
}
