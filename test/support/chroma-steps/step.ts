import { randomBytes } from "node:crypto";
import type { ChromaPeer, PeerResponse } from "../chroma-api.ts";

/** A request whose answers two servers are compared by. `~` in a path is the database, `<name>` the id of a collection. */
export interface Step {
  readonly label: string;
  readonly method: string;
  readonly path: string;
  /** A text is sent as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly type: string | null;
  /** JSON, or the text if it is none. Ids of collections and times are replaced. */
  readonly body: unknown;
}

const DATABASE = "/api/v2/tenants/default_tenant/databases/default_database";

/** Sends the steps in order. `suffix`: makes names of collections unique on a server that others use too. */
export async function runSteps(peer: ChromaPeer, steps: readonly Step[]): Promise<Readonly<Record<string, Answer>>> {
  const suffix = randomBytes(4).toString("hex");
  const ids = new Map<string, string>();
  const answers = new Map<string, Answer>();
  const fill = (text: string) =>
    text
      .replaceAll(/<(\w+)>/g, (_, name: string) => ids.get(name) ?? "")
      .replaceAll(/@(\w+)/g, (_, name: string) => `${name}-${suffix}`);
  for (const { label, method, path, body, headers } of steps) {
    const content = body === undefined ? undefined : fill(typeof body === "string" ? body : JSON.stringify(body));
    const response = await peer.request(method, fill(path.replace("~", DATABASE)), content, headers);
    const created = /"id":"([0-9a-f-]{36})","name":"(\w+)-/.exec(response.text);
    if (created?.[1] && created[2]) ids.set(created[2], created[1]);
    answers.set(label, toAnswer(response, { ids, suffix }));
  }
  return Object.fromEntries(answers);
}

function toAnswer(
  { status, type, text }: PeerResponse,
  { ids, suffix }: { readonly ids: ReadonlyMap<string, string>; readonly suffix: string },
): Answer {
  let known = text.replaceAll(`-${suffix}`, "").replaceAll(/ at line \d+ column \d+/g, "");
  for (const [name, id] of ids) known = known.replaceAll(id, `<${name}>`);
  known = known.replace(/("nanosecond heartbeat":)\d+/, "$1 0");
  return { status, type: type?.replace(/;.*/, "") ?? null, body: parse(known) };
}

/** Numbers stay texts, so that 1 and 1.0 differ. */
function parse(text: string): unknown {
  const keepNumber = (_key: string, value: unknown, context?: { readonly source?: string }) =>
    typeof value === "number" ? `#${context?.source}` : value;
  try {
    return JSON.parse(text, keepNumber);
  } catch {
    return text;
  }
}

/** A step. Its label names its answer. */
export function request(label: string, method: string, path: string, body?: unknown, headers?: Step["headers"]): Step {
  return { label, method, path, body, headers };
}

/** The vector in base64, as Python's client sends it. */
export const floats = (...numbers: number[]) => Buffer.from(new Float32Array(numbers).buffer).toString("base64");
