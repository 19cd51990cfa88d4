import { toVariant, variantSchema } from "@cairn/api/schema/evaluation.ts";
import { AppError } from "@cairn/core/error.ts";
import { defaultVariants, type Variant } from "@cairn/core/evaluation/variant.ts";
import { type Command, Option } from "commander";
import { parseJsonArgument } from "../options/json-argument.ts";

const FLAG = "--variant";

/** Adds `--variant`, which can be repeated. */
export function addVariantOption(command: Command): Command {
  return command.addOption(
    new Option(
      `${FLAG} <options>`,
      "a way to search, with options of POST /v1/query: mode=hybrid,collection=drafts,top_k=20 or JSON; repeatable (default: the three modes)",
    ).argParser((text: string, previous: readonly string[] = []) => [...previous, text]),
  );
}

/** The variants of the option. Those that name no collection use `collection`. Throws `invalid_input`. */
export function variantsOf(texts: readonly string[] | undefined, collection: string | undefined): readonly Variant[] {
  if (!texts) return defaultVariants(collection);
  return texts.map((text) => {
    const result = variantSchema.safeParse(
      text.trimStart().startsWith("{") ? parseJsonArgument(text, FLAG) : parsePairs(text),
    );
    if (result.success) {
      const variant = toVariant(result.data);
      return collection === undefined ? variant : { ...variant, options: { collection, ...variant.options } };
    }
    const [issue] = result.error.issues;
    const field = issue?.path.join(".") || (issue?.code === "unrecognized_keys" ? issue.keys.join(", ") : "");
    throw refuse(text, `${field === "" ? "" : `${field}: `}${issue?.message ?? "not valid"}`);
  });
}

/** The fields of `mode=hybrid,top_k=20`. Numbers are numbers. */
function parsePairs(text: string): Readonly<Record<string, string | number>> {
  const pairs = text.split(",").map((pair) => {
    const at = pair.indexOf("=");
    if (at < 1) throw refuse(text, `${JSON.stringify(pair)} has no name and value`);
    const [name, value] = [pair.slice(0, at).trim().replaceAll("-", "_"), pair.slice(at + 1).trim()];
    const isNumber = name !== "name" && name !== "collection" && value !== "" && Number.isFinite(Number(value));
    return [name, isNumber ? Number(value) : value] as const;
  });
  return Object.fromEntries(pairs);
}

function refuse(text: string, reason: string): AppError {
  return new AppError(
    "invalid_input",
    `${FLAG} ${JSON.stringify(text)} cannot be used: ${reason}. Write it as mode=hybrid,top_k=20, or as JSON.`,
    { path: FLAG },
  );
}
