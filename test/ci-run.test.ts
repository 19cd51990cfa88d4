import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const SCRIPT = fileURLToPath(new URL("../.ci/run", import.meta.url));

test("without the shared folder, .ci/run names the programs it needs and exits with 2", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cairn-ci-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await cp(SCRIPT, join(folder, "project", ".ci", "run"), { recursive: true });
  const run = () => {
    const { status, stderr } = spawnSync("bash", [join(folder, "project", ".ci", "run")], {
      encoding: "utf8",
      env: { PATH: process.env.PATH },
    });
    return { status, stderr };
  };
  expect(run()).toEqual({
    status: 2,
    stderr: expect.stringMatching(/folder .*shared does not exist.*bin\/postgres.*bin\/chroma.*npm test/s),
  });
  await mkdir(join(folder, "shared"));
  expect(run()).toEqual({ status: 2, stderr: expect.stringMatching(/bin\/postgres is missing/) });
});
