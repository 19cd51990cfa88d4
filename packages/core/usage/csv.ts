import type { Usage } from "./read.ts";

/** Usage as CSV (RFC 4180): one line for each count, with a header. */
export function toCsv({ rows }: Pick<Usage, "rows">): string {
  const lines = rows.map(({ day, tenantId, tenant, kind, model, n }) =>
    [day, tenantId, toCell(tenant), kind, toCell(model), String(n)].join(","),
  );
  return [HEADER, ...lines].map((line) => `${line}\r\n`).join("");
}

const HEADER = "day,tenant_id,tenant,kind,model,n";

/**
 * A text as a cell. A text that a spreadsheet would take for a formula gets an apostrophe. Source: "CSV Injection", OWASP.
 */
function toCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
