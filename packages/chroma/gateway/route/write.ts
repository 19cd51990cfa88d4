import { AppError } from "@cairn/core/error.ts";
import { beginWrite, type Change, isRecorded, type WriteOutcome } from "../journal.ts";
import { isReplicated, sourceOf } from "../phase.ts";
import type { CutoverSettings, CutoverTenant } from "../tenants.ts";
import { createBarrierWait, type Gateway, type GatewayRequest, tenantOf } from "./context.ts";
import { waitForReplica } from "./wait-for-replica.ts";

/** A write, as each side takes it. */
export interface GatewayWrite {
  /** The tenant's name or id. */
  readonly tenant: string;
  /** What it changes. Asked for only if the write is recorded; may ask Chroma which records a condition selects. */
  describe(): Promise<readonly RecordedWrite[]>;
  /** Sends it to Chroma as it is, in the phase without a replica. */
  sendUnchanged(): Promise<SentWrite>;
  /** Cairn's own answer, and its error. */
  askCairn(): Promise<{ readonly response: Response; readonly error: unknown }>;
}

/** A part of a write that is recorded and then sent. */
export interface RecordedWrite {
  readonly change: Change;
  send(): Promise<SentWrite>;
}

export interface SentWrite {
  readonly status: number;
  readonly response: Response;
}

/** A write that Chroma has answered. */
interface AcceptedWrite extends SentWrite {
  /** Of its recorded changes. */
  readonly sequences: readonly string[];
  /** Of the tenant, when the write was recorded. */
  readonly settings: CutoverSettings;
  /** Resolves when its outcome is recorded. Never rejects. */
  readonly settled: Promise<void>;
}

/**
 * Sends a write to the side that decides, and records it before if the other side follows. It is tried again when the tenant's phase
 * changes in between, so each write is decided by one side.
 */
export async function writeThrough(request: GatewayRequest, write: GatewayWrite): Promise<Response> {
  const wait = createBarrierWait();
  for (let fresh = false; ; fresh = true) {
    const tenant = await readTenant(request, write.tenant, fresh);
    if (tenant && isReplicated(tenant.phase)) await request.gateway.backlog.admit(tenant);
    const answer = tenant?.barrier ? undefined : await tryWrite(request, write, tenant);
    if (answer) return answer;
    await wait();
  }
}

/** The tenant, as it is now if its phase decides. Recording the write reads the phase again, so for that an earlier one is enough. */
async function readTenant(
  request: GatewayRequest,
  nameOrId: string,
  fresh: boolean,
): Promise<CutoverTenant | undefined> {
  const cached = fresh ? undefined : await tenantOf(request, nameOrId, { fresh: false });
  return cached && isRecorded(cached.phase) ? cached : tenantOf(request, nameOrId, { fresh: true });
}

/** Undefined: the phase has changed, so the write has to be tried again. */
async function tryWrite(
  request: GatewayRequest,
  write: GatewayWrite,
  tenant: CutoverTenant | undefined,
): Promise<Response | undefined> {
  const phase = tenant?.phase ?? "chroma";
  if (sourceOf(phase) === "cairn") return askCairn(request, write, tenant);
  if (!tenant || !isReplicated(phase)) return (await write.sendUnchanged()).response;
  let last: Response | undefined;
  const accepted: AcceptedWrite[] = [];
  for (const part of await write.describe()) {
    const sent = await sendRecorded(request, tenant, part);
    if (!sent) return undefined;
    last = sent.response;
    if (sent.status >= 300) break;
    accepted.push(sent);
  }
  if (accepted.some(({ settings }) => settings.strict)) await waitForReplica(request.gateway, tenant, accepted);
  return last;
}

async function askCairn(
  { gateway }: GatewayRequest,
  write: GatewayWrite,
  tenant: CutoverTenant | undefined,
): Promise<Response | undefined> {
  const started = performance.now();
  const { response, error } = await write.askCairn();
  if (error instanceof AppError && error.code === "read_only_replica") return undefined;
  if (tenant) {
    const outcome = response.status < 300 ? "ok" : response.status < 500 ? "refused" : "failed";
    const milliseconds = performance.now() - started;
    gateway.statistics.record({ tenantId: tenant.tenantId, kind: "write", side: "cairn", outcome, milliseconds });
    gateway.onChange(tenant.tenantId);
  }
  return response;
}

/** Records a write, sends it to Chroma and records its outcome, which the result does not wait for. Undefined: the tenant's phase has changed. */
async function sendRecorded(
  { gateway }: GatewayRequest,
  { tenantId }: CutoverTenant,
  { change, send }: RecordedWrite,
): Promise<AcceptedWrite | undefined> {
  const { database, statistics, timeoutMs, settlements } = gateway;
  const limit = performance.now() + timeoutMs + GRACE_MS;
  const begun = await beginWrite(database, tenantId, { change, timeoutMs: timeoutMs + GRACE_MS });
  if (begun.sequences.length === 0 && !(changesNothing(change) && (await isDecidedByChroma(gateway, tenantId))))
    return undefined;
  const started = performance.now();
  const settle = (outcome: WriteOutcome) => {
    const milliseconds = performance.now() - started;
    statistics.record({ tenantId, kind: "write", side: "chroma", outcome, milliseconds });
    return settlements.add({ tenantId, sequences: begun.sequences, outcome });
  };
  try {
    const sent = await send();
    if (sent.status < 300 && performance.now() > limit) await recordAgain(gateway, tenantId, change);
    const settled = settle(outcomeOf(sent.status));
    return { ...sent, sequences: begun.sequences, settings: begun.settings, settled };
  } catch (error) {
    void settle("unknown");
    if (performance.now() > limit) await recordAgain(gateway, tenantId, change);
    throw error;
  }
}

/** Whether nothing has to be recorded, such as for a delete whose condition selects no record. */
function changesNothing({ ids }: Change): boolean {
  return ids !== null && ids.length === 0;
}

/** Whether Chroma still decides. In another phase, the condition of a delete may select records of Cairn. */
async function isDecidedByChroma({ tenants }: Gateway, tenantId: string): Promise<boolean> {
  const tenant = await tenants.read(tenantId);
  return tenant !== undefined && !tenant.barrier && isRecorded(tenant.phase);
}

/**
 * Records a write again that has taken longer than its changes were in flight, because this process stood still: they may have been
 * replicated before Chroma applied it. Throws `source_unavailable` if Cairn decides by now, which may lack the write.
 */
async function recordAgain({ database }: Gateway, tenantId: string, change: Change): Promise<void> {
  const { sequences } = await beginWrite(database, tenantId, { change, timeoutMs: GRACE_MS });
  if (sequences.length > 0) return;
  throw new AppError(
    "source_unavailable",
    "The write took so long that the tenant's phase has changed meanwhile, so it may be lost. Read what it changed, and send it again if it is missing.",
  );
}

/** Milliseconds after which a request that was given up has ended in Chroma too. */
const GRACE_MS = 2_000;

function outcomeOf(status: number): WriteOutcome {
  if (status < 300) return "ok";
  if (status < 500) return "refused";
  // With another status, a proxy may have answered while Chroma still works on the write, such as 504, or 524 of Cloudflare.
  return status === 500 ? "failed" : "unknown";
}
