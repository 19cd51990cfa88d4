/** Settings of one transaction by name, including its role. Names and values come from Cairn, never from a caller. */
export type Settings = Readonly<Record<string, string | number>>;

/** For index builds and schema migrations, which take longer than the statement limits that a role may have. */
export const UNLIMITED: Settings = {
  statement_timeout: 0,
  lock_timeout: 0,
  idle_in_transaction_session_timeout: 0,
};

/** One SET LOCAL statement for each setting. */
export function setLocal(settings: Settings = {}): readonly string[] {
  return Object.entries(settings).map(([name, value]) => `SET LOCAL ${name} = ${setValue(name, value)}`);
}

/**
 * Messages that set the settings of a transaction. `isDistributed`: on Citus, which forwards the message of each SET LOCAL to its
 * workers, as a whole. Each setting then has a message of its own, so that a worker receives it once. The role is set without SET: a
 * connection of Citus to a worker belongs to one role, which may not become another. It is the last message, because it is a query, and
 * some settings are refused after a query.
 */
export function settingMessages(
  settings: Settings = {},
  { isDistributed }: { readonly isDistributed: boolean },
): readonly string[] {
  if (!isDistributed) return Object.keys(settings).length > 0 ? [setLocal(settings).join("; ")] : [];
  const { role, ...others } = settings;
  const setRole = role === undefined ? [] : [`SELECT set_config('role', ${setValue("role", role)}, true)`];
  return [...setLocal(others), ...setRole];
}

/** One statement that sets all settings. Its text does not depend on the values. Undefined without settings. */
export function setConfigStatement(
  settings: Settings = {},
): { readonly text: string; readonly values: readonly string[] } | undefined {
  const values = Object.entries(settings).flatMap(([name, value]) => [name, String(value)]);
  if (values.length === 0) return undefined;
  const calls = values.flatMap((_, i) => (i % 2 === 0 ? `set_config($${i + 1}, $${i + 2}, true)` : []));
  return { text: `SELECT ${calls.join(", ")}`, values };
}

/** A value as SQL. The search path is a list of identifiers: quoted, SET would read it as one name with a comma. */
function setValue(name: string, value: string | number): string {
  return name === "search_path" ? String(value) : `'${String(value).replaceAll("'", "''")}'`;
}
