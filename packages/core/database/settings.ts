/**
 * Settings of one transaction by name, the role among them: they end with it. Names and values are Cairn's own, never
 * a caller's.
 */
export type Settings = Readonly<Record<string, string | number>>;

/** A statement each. */
export function setLocal(settings: Settings = {}): readonly string[] {
  return Object.entries(settings).map(([name, value]) => `SET LOCAL ${name} = ${literal(value)}`);
}

/** One statement for all, where each is paid for: undefined where there is nothing to set. */
export function setTogether(settings: Settings = {}): string | undefined {
  const items = Object.entries(settings).map(
    ([name, value]) => `set_config('${name}', ${literal(value)}, true)`,
  );
  return items.length > 0 ? `SELECT ${items.join(", ")}` : undefined;
}

function literal(value: string | number): string {
  return `'${String(value).replaceAll("'", "''")}'`;
}
