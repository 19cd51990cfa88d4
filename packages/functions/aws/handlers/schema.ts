/** The schema migration, which every deploy runs. */
export { applySchema as handler } from "../apply-schema.ts";
