declare module "pg/lib/utils.js" {
  /** A parameter as node-postgres sends it. */
  export function prepareValue(value: unknown): string | Buffer | null;
}
