import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const CAIRN = fileURLToPath(new URL("../packages/cli/bin/cairn.mjs", import.meta.url));

test("a reader that closes the pipe causes no error", async () => {
  // `true` reads nothing, so the help is written to a closed pipe.
  const script = `("$0" "$1" --help; echo "code $?" >&2) | true`;
  const { stderr } = await promisify(execFile)("sh", ["-c", script, process.execPath, CAIRN]);
  expect(stderr).toBe("code 0\n");
});
