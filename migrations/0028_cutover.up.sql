-- A tenant moves from another system while both serve. One of the two is the source, where writes are decided; the other one
-- is the replica and follows.

-- What the collection is to the other system. `source`: its changes are recorded for the replica. `replica`: only replication
-- writes it. Null: the collection is not replicated.
ALTER TABLE cairn.collections ADD COLUMN replication text CHECK (replication IN ('source', 'replica'));

-- What may differ between source and replica, and must be copied again. A row is deleted when the replica is equal.
CREATE SEQUENCE cairn.change_sequence;
GRANT USAGE ON SEQUENCE cairn.change_sequence TO cairn_app, cairn_admin;
CREATE TABLE cairn.changes (
  tenant_id       uuid NOT NULL REFERENCES cairn.tenants ON DELETE CASCADE,
  sequence        bigint NOT NULL DEFAULT nextval('cairn.change_sequence'),
  collection_id   uuid,                        -- lineage, or the id in the other system; null: known by its subject
  subject         text,                        -- the name of a collection that was created, changed or deleted
  ids             text[],                      -- ids of documents; null: the collection itself
  deletes         boolean NOT NULL DEFAULT false, -- they were deleted, and go last if they were added again
  in_flight_until timestamptz,                 -- the outcome of the write is not known before this time; null: it is known
  attempts        int NOT NULL DEFAULT 0,
  retry_at        timestamptz,                 -- when a change that failed is tried again
  failure         text,                        -- why the last attempt failed, without ids and texts
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, sequence)
);

-- The phase of each tenant that has left Chroma. Every write reads it with FOR SHARE, and a change of phase waits for them.
CREATE TABLE cairn.cutover_tenants (
  tenant_id     uuid PRIMARY KEY REFERENCES cairn.tenants ON DELETE CASCADE,
  namespace_id  uuid NOT NULL REFERENCES cairn.namespaces,
  phase         text NOT NULL CHECK (phase IN ('chroma', 'mirror', 'shadow', 'cairn', 'done')),
  since         timestamptz NOT NULL DEFAULT now(),
  barrier_until timestamptz,                   -- writes wait until then, or until the phase has changed
  settings      jsonb NOT NULL DEFAULT '{}',   -- strict, sample; only values that differ from the defaults
  compared      jsonb                          -- result of the last comparison of all records
);

-- The two ids of a collection that is in both systems.
CREATE TABLE cairn.cutover_collections (
  tenant_id       uuid NOT NULL REFERENCES cairn.tenants ON DELETE CASCADE,
  collection_id   uuid NOT NULL,               -- lineage in Cairn
  chroma_id       uuid NOT NULL,
  chroma_tenant   text NOT NULL,
  chroma_database text NOT NULL,
  name            text NOT NULL,
  filled          boolean NOT NULL DEFAULT false, -- whether all records were copied once, in their order
  PRIMARY KEY (tenant_id, collection_id),
  UNIQUE (tenant_id, chroma_id)
);

-- The process that replicates or compares a tenant's data.
CREATE TABLE cairn.cutover_leases (
  tenant_id    uuid PRIMARY KEY REFERENCES cairn.tenants ON DELETE CASCADE,
  token        uuid NOT NULL,
  leased_until timestamptz NOT NULL
);

-- Every change of phase, with the conditions that were overridden.
CREATE TABLE cairn.cutover_events (
  tenant_id   uuid NOT NULL REFERENCES cairn.tenants ON DELETE CASCADE,
  at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  from_phase  text NOT NULL,
  to_phase    text NOT NULL,
  overridden  jsonb NOT NULL DEFAULT '[]',
  PRIMARY KEY (tenant_id, at)
);

-- Records and collections that cannot be equal on both sides, and what was found to differ without a recorded write.
CREATE TABLE cairn.cutover_findings (
  tenant_id     uuid NOT NULL REFERENCES cairn.tenants ON DELETE CASCADE,
  collection_id uuid NOT NULL,
  record_id     text NOT NULL DEFAULT '',      -- empty: the collection itself
  kind          text NOT NULL,                 -- refused, passages, bypass
  side          text NOT NULL CHECK (side IN ('chroma', 'cairn')),
  detail        text NOT NULL,                 -- without texts and values
  occurrences   int NOT NULL DEFAULT 1,
  first_at      timestamptz NOT NULL DEFAULT now(),
  last_at       timestamptz NOT NULL DEFAULT now(),
  resolved_at   timestamptz,
  PRIMARY KEY (tenant_id, collection_id, record_id, kind)
);

-- Requests by minute: writes by side and outcome, and compared reads by result. Latencies are counts for each bucket.
CREATE TABLE cairn.cutover_requests (
  tenant_id  uuid NOT NULL REFERENCES cairn.tenants ON DELETE CASCADE,
  minute     timestamptz NOT NULL,
  kind       text NOT NULL,                    -- write, get, count, query
  side       text NOT NULL,                    -- chroma, cairn
  outcome    text NOT NULL,                    -- ok, refused, failed, unknown; of reads: agreed, missed, differed, excluded, failed
  requests   bigint NOT NULL,
  latency    bigint[] NOT NULL,
  PRIMARY KEY (tenant_id, minute, kind, side, outcome)
);

-- The worst disagreements of compared reads: ids and distances, never texts.
CREATE TABLE cairn.cutover_disagreements (
  tenant_id     uuid NOT NULL REFERENCES cairn.tenants ON DELETE CASCADE,
  id            uuid NOT NULL DEFAULT gen_random_uuid(),
  at            timestamptz NOT NULL DEFAULT now(),
  collection_id uuid NOT NULL,
  kind          text NOT NULL,
  agreement     double precision NOT NULL,     -- 0 to 1
  detail        jsonb NOT NULL,
  PRIMARY KEY (tenant_id, id)
);

GRANT INSERT ON cairn.changes TO cairn_app;
ALTER TABLE cairn.changes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_records_changes ON cairn.changes FOR INSERT TO cairn_app
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('cairn.tenant_id', true), '')::uuid));

-- A transaction that creates a collection locks the tenant's phase, for which it needs UPDATE on a column. It can change nothing.
GRANT SELECT, UPDATE (tenant_id) ON cairn.cutover_tenants TO cairn_app;
CREATE POLICY tenant_reads_cutover_tenants ON cairn.cutover_tenants TO cairn_app
  USING (tenant_id = (SELECT nullif(current_setting('cairn.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('cairn.tenant_id', true), '')::uuid));

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['changes', 'cutover_tenants', 'cutover_collections', 'cutover_leases', 'cutover_events',
                              'cutover_findings', 'cutover_requests', 'cutover_disagreements'] LOOP
    EXECUTE format('ALTER TABLE cairn.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON cairn.%I TO cairn_admin', name);
    EXECUTE format('CREATE POLICY %I ON cairn.%I TO cairn_admin USING (true) WITH CHECK (true)', 'admin_keeps_' || name, name);
  END LOOP;
END
$$;
