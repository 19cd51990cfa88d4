import { AppError } from "@cairn/core/error.ts";
import { pathOf } from "../source/label.ts";
import type { Plan } from "./plan.ts";

/** Throws `invalid_input`, naming every collection that has to be settled before anything is done. */
export function refuseUnmapped({ unmapped }: Pick<Plan, "unmapped">): void {
  const blocking = unmapped.filter((unmapped) => unmapped.blocking);
  if (blocking.length === 0) return;
  const lines = blocking.map(({ source, problem }) => `- ${pathOf(source)}: ${problem}`);
  const count = blocking.length === 1 ? "1 collection" : `${blocking.length} collections`;
  throw new AppError(
    "invalid_input",
    `${count} cannot go as things stand; nothing was written.\n${lines.join("\n")}`,
  );
}
