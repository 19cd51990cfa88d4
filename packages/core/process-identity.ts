import { readFile } from "node:fs/promises";
import { hostname } from "node:os";

/** Identifies a process on a host, and distinguishes it from a later process with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** Clock ticks from the host's boot to the start of the process; undefined if the system does not report it. */
  readonly began: string | undefined;
  readonly command: string;
  /** ISO 8601. */
  readonly since: string;
}

/** The identity of this process. */
export async function thisProcess(): Promise<ProcessIdentity> {
  return {
    pid: process.pid,
    host: hostname(),
    began: await processStart(process.pid),
    command: process.argv.slice(1, 4).join(" "),
    since: new Date().toISOString(),
  };
}

/** False only if the process is known to have ended. Undefined for a process on another host. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean | undefined> {
  if (identity.host !== hostname()) return undefined;
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  return identity.began === undefined || (await processStart(identity.pid)) === identity.began;
}

async function processStart(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19]; // a zombie has ended, but its parent has not read its exit status
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ESRCH") throw error;
    return undefined; // the process ended, or this is not Linux
  }
}
