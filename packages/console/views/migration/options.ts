import type { Mapping, MigrationOptions } from "./api.ts";

/** The fields of the form, as text. */
export interface OptionFields {
  readonly pattern: string;
  readonly mapping: string;
  readonly tenant: string;
  readonly only: string;
  readonly chromaTenants: string;
  readonly chromaDatabases: string;
  readonly reEmbed: "auto" | "always" | "never";
  readonly model: string;
  readonly sourceModel: string;
  readonly prune: boolean;
  readonly discardChanges: boolean;
}

export const NO_OPTIONS: OptionFields = {
  pattern: "",
  mapping: "",
  tenant: "",
  only: "",
  chromaTenants: "",
  chromaDatabases: "",
  reEmbed: "auto",
  model: "",
  sourceModel: "",
  prune: false,
  discardChanges: false,
};

/** The options that are filled in. Throws an `Error` for a mapping that is not JSON. */
export function toOptions(fields: OptionFields): MigrationOptions {
  const { pattern, tenant, model, sourceModel, reEmbed, prune, discardChanges } = fields;
  const options: MigrationOptions = {
    pattern: pattern.trim() || undefined,
    tenant: tenant.trim() || undefined,
    mapping: fields.mapping.trim() ? parseMapping(fields.mapping) : undefined,
    only: toList(fields.only),
    chroma_tenants: toList(fields.chromaTenants),
    chroma_databases: toList(fields.chromaDatabases),
    re_embed: reEmbed === "auto" ? undefined : reEmbed,
    model: model.trim() || undefined,
    source_model: sourceModel.trim() || undefined,
    prune: prune || undefined,
    discard_changes: discardChanges || undefined,
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function parseMapping(text: string): Mapping {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`The mapping is not valid JSON: ${(error as Error).message}`);
  }
}

function toList(text: string): readonly string[] | undefined {
  const names = text.split(/[,\n]/).flatMap((name) => name.trim() || []);
  return names.length > 0 ? names : undefined;
}

const NAMES: readonly (readonly [keyof MigrationOptions, string])[] = [
  ["pattern", "pattern"],
  ["tenant", "tenant"],
  ["only", "only"],
  ["chroma_tenants", "Chroma's tenants"],
  ["chroma_databases", "Chroma's databases"],
  ["re_embed", "embed again"],
  ["model", "model"],
  ["source_model", "model of Chroma's vectors"],
];

/** The options as names and values, for people. Those that delete data are said elsewhere. */
export function describeOptions(options: MigrationOptions): readonly (readonly [string, string])[] {
  const mapped = Object.keys(options.mapping ?? {}).length;
  const texts = NAMES.flatMap(([name, title]) => {
    const value = options[name];
    return value === undefined ? [] : [[title, Array.isArray(value) ? value.join(", ") : String(value)] as const];
  });
  return mapped === 0 ? texts : [...texts, ["mapping", `${mapped} ${mapped === 1 ? "name" : "names"}`]];
}
