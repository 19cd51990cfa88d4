import { AppError } from "@cairn/core/error.ts";
import { pathOf } from "../protocol/path.ts";
import type { Plan } from "./plan.ts";

/** Throws `invalid_input`, naming every collection whose problem stops the migration. */
export function assertMapped({ unmapped }: Pick<Plan, "unmapped">): void {
  const blocking = unmapped.filter((collection) => collection.blocking);
  if (blocking.length === 0) return;
  const lines = blocking.map(({ source, problem }) => `- ${pathOf(source)}: ${problem}`);
  const count = blocking.length === 1 ? "1 collection" : `${blocking.length} collections`;
  throw new AppError(
    "invalid_input",
    `${count} cannot be migrated with these options; nothing was written.\n${lines.join("\n")}`,
  );
}
