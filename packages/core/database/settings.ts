/**
 * Settings of one transaction by name, the role among them: they end with it. Names and values are Cairn's own, never
 * a caller's.
 */
export type Settings = Readonly<Record<string, string | number>>;

/** For index builds and schema migrations, which take longer than any limit that a role has for its statements. */
export const UNLIMITED: Settings = {
  statement_timeout: 0,
  lock_timeout: 0,
  idle_in_transaction_session_timeout: 0,
};

/** A statement each. */
export function setLocal(settings: Settings = {}): readonly string[] {
  return Object.entries(settings).map(([name, value]) => `SET LOCAL ${name} = ${setValue(name, value)}`);
}

/** One statement for all, the same for everybody's values: undefined where there is nothing to set. */
export function setTogether(
  settings: Settings = {},
): { readonly text: string; readonly values: readonly string[] } | undefined {
  const values = Object.entries(settings).flatMap(([name, value]) => [name, String(value)]);
  if (values.length === 0) return undefined;
  const calls = values.flatMap((_, at) => (at % 2 === 0 ? `set_config($${at + 1}, $${at + 2}, true)` : []));
  return { text: `SELECT ${calls.join(", ")}`, values };
}

/** SET takes a quoted list for one name with a comma in it; the search path is a list of identifiers. */
function setValue(name: string, value: string | number): string {
  return name === "search_path" ? String(value) : literal(value);
}

function literal(value: string | number): string {
  return `'${String(value).replaceAll("'", "''")}'`;
}
