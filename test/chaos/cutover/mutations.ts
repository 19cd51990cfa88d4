/** A protection that is removed: the first text is replaced by the second in a file of the project. */
export interface Mutation {
  readonly name: string;
  readonly patches: readonly { readonly file: string; readonly from: string; readonly to: string }[];
  /** Where it has to be noticed. */
  readonly test: string;
}

const GATEWAY = "packages/chroma/gateway";
const PROTECTIONS = "test/cutover-protections.test.ts";
const FAULTS = "test/gateway-faults.test.ts";

/** One for each protection of a cut-over. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: "a write is recorded after it was sent",
    test: PROTECTIONS,
    patches: [
      {
        file: `${GATEWAY}/route/write.ts`,
        from: "  const begun = await beginWrite(database, tenantId, {",
        to: "  const early = await send();\n  send = async () => early;\n  const begun = await beginWrite(database, tenantId, {",
      },
      {
        file: `${GATEWAY}/route/write.ts`,
        from: "  { change, send }: RecordedWrite,\n): Promise<AcceptedWrite | undefined> {",
        to: "  { change, send: sendGiven }: RecordedWrite,\n): Promise<AcceptedWrite | undefined> {\n  let send = sendGiven;",
      },
    ],
  },
  {
    name: "changes that were recorded since the replica read are deleted too",
    test: PROTECTIONS,
    patches: [
      {
        file: `${GATEWAY}/replicate/changes.ts`,
        from: "DELETE FROM cairn.changes WHERE $" + "{areChanges(tenantId, changes)}`",
        to: "DELETE FROM cairn.changes WHERE tenant_id = $" + "{tenantId}::uuid`",
      },
    ],
  },
  {
    name: "a write in flight is replicated before its outcome is known",
    test: PROTECTIONS,
    patches: [
      {
        file: `${GATEWAY}/replicate/changes.ts`,
        from: "AND coalesce(in_flight_until, now()) <= now()",
        to: "",
      },
    ],
  },
  {
    name: "a write that took longer than its record was in flight is not recorded again",
    test: PROTECTIONS,
    patches: [
      {
        file: `${GATEWAY}/route/write.ts`,
        from: "    if (sent.status < 300 && performance.now() > limit) await recordAgain(gateway, tenantId, change);\n",
        to: "",
      },
    ],
  },
  {
    name: "a delete by a condition is sent as it is",
    test: PROTECTIONS,
    patches: [
      {
        file: `${GATEWAY}/route/records.ts`,
        from: "JSON.stringify({ ids: slice })",
        to: "await request.c.req.text()",
      },
    ],
  },
  {
    name: "a process without the lease writes Cairn",
    test: PROTECTIONS,
    patches: [{ file: `${GATEWAY}/replicate/assert-source.ts`, from: "  await assertLease(orm, lease);\n", to: "" }],
  },
  {
    name: "a comparison goes on after its phase",
    test: PROTECTIONS,
    patches: [
      {
        file: `${GATEWAY}/replicate/assert-source.ts`,
        from: "tenant && isReplicated(tenant.phase) && ",
        to: "tenant && ",
      },
      {
        file: `${GATEWAY}/replicate/compare-tenant.ts`,
        from: "  await assertSamePhase(database, tenantId, phase);\n",
        to: "",
      },
    ],
  },
  {
    name: "Cairn decides before it has every write",
    test: PROTECTIONS,
    patches: [
      {
        file: `${GATEWAY}/cutover/change-phase.ts`,
        from: "    await waitForReplica(database, tenant, barrierMs);\n",
        to: "",
      },
      {
        file: `${GATEWAY}/cutover/change-phase.ts`,
        from: "  if (changes > 0) throw changedMeanwhile(tenant);",
        to: "  if (changes < 0) throw changedMeanwhile(tenant);",
      },
    ],
  },
  {
    name: "a change of phase does not hold off writes",
    test: PROTECTIONS,
    patches: [
      {
        file: `${GATEWAY}/journal.ts`,
        from: "SELECT phase, coalesce(barrier_until > now(), false) AS barrier",
        to: "SELECT phase, false AS barrier",
      },
      {
        file: `${GATEWAY}/tenants.ts`,
        from: "coalesce(c.barrier_until > now(), false) AS barrier,",
        to: "false AS barrier,",
      },
    ],
  },
  {
    name: "single changes are replicated before the collection was filled",
    test: PROTECTIONS,
    patches: [
      {
        file: `${GATEWAY}/replicate/drain.ts`,
        from: "  if (!pair.filled) await fillPair(replication, { cairn, chroma });\n",
        to: "",
      },
    ],
  },
  {
    name: "names of collections are not freed before others take them",
    test: FAULTS,
    patches: [
      {
        file: `${GATEWAY}/replicate/collections-to-cairn.ts`,
        from: "  await moveAside(context, { listed, known });\n",
        to: "",
      },
    ],
  },
  {
    name: "a failure of Chroma is taken for an answer",
    test: FAULTS,
    patches: [
      {
        file: `${GATEWAY}/forward.ts`,
        from: "  if (status < 500 && status !== 429) return;\n",
        to: "  if (status > 0) return;\n",
      },
    ],
  },
  {
    name: "a barrier outlives the process that raised it",
    test: FAULTS,
    patches: [
      {
        file: `${GATEWAY}/replicate/replicator.ts`,
        from: "    if (tenant.barrierExpired) await lowerExpiredBarrier(database, tenant);\n",
        to: "",
      },
    ],
  },
];
