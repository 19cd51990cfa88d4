-- What the service needs beside the knowledge: keys, jobs, answers kept for repeated requests, tokens spent.

-- A key without a tenant is the operator's: it keeps tenants and runs migrations, and reads no collection.
CREATE TABLE cairn.api_keys (
  tenant_id    uuid REFERENCES cairn.tenants ON DELETE CASCADE,
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name         text NOT NULL DEFAULT '',
  secret_hash  bytea NOT NULL UNIQUE,          -- SHA-256; the secret itself is shown once and kept nowhere
  hint         text NOT NULL,                  -- its last characters, to tell keys apart
  scopes       text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'write', 'admin'] AND scopes <> '{}'),
  created_at   timestamptz NOT NULL DEFAULT now(),
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz
);
CREATE INDEX api_keys_tenant ON cairn.api_keys (tenant_id, created_at);

-- Long work. The request holds documents; it is dropped when the job ends.
CREATE TABLE cairn.jobs (
  tenant_id    uuid REFERENCES cairn.tenants ON DELETE CASCADE,  -- null: the operator's
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  kind         text NOT NULL,
  status       text NOT NULL DEFAULT 'in_progress' CHECK (status IN ('in_progress', 'completed', 'failed', 'cancelled')),
  request      jsonb,
  counts       jsonb NOT NULL DEFAULT '{}',
  result       jsonb,
  last_error   jsonb,
  holder       uuid,                           -- of the worker that has it
  held_until   timestamptz,
  cancelled_at timestamptz,                    -- asked for; the worker sees it at its next sign of life
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  finished_at  timestamptz
);
CREATE INDEX jobs_tenant ON cairn.jobs (tenant_id, created_at);
CREATE INDEX jobs_open ON cairn.jobs (created_at) WHERE status = 'in_progress';

-- The answer to a write, for whoever sends it again with the same key within a day.
CREATE TABLE cairn.idempotency_keys (
  tenant_id   uuid NOT NULL REFERENCES cairn.tenants ON DELETE CASCADE,
  key         text NOT NULL,
  fingerprint bytea NOT NULL,                  -- SHA-256 of method, path and body
  holder      uuid NOT NULL,
  held_until  timestamptz NOT NULL,            -- of the request that is being answered
  status      integer,                         -- null until it is answered
  headers     jsonb,
  body        text,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, key)
);

CREATE TABLE cairn.embedding_usage (
  tenant_id  uuid NOT NULL REFERENCES cairn.tenants ON DELETE CASCADE,
  day        date NOT NULL,                    -- UTC
  tokens     bigint NOT NULL,                  -- spent, and reserved for what is under way
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, day)
);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['api_keys', 'jobs', 'idempotency_keys', 'embedding_usage'] LOOP
    EXECUTE format('ALTER TABLE cairn.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON cairn.%I TO cairn_app', name);
    EXECUTE format(
      'CREATE POLICY %I ON cairn.%I TO cairn_app
         USING (tenant_id = (SELECT nullif(current_setting(''cairn.tenant_id'', true), '''')::uuid))
         WITH CHECK (tenant_id = (SELECT nullif(current_setting(''cairn.tenant_id'', true), '''')::uuid))',
      'tenant_owns_' || name, name);
  END LOOP;
END
$$;
-- Whoever a key belongs to is found before a tenant is known. The operator's jobs are nobody else's, and the
-- administrator sees which tenant a job is of, never what it was asked for.
GRANT SELECT, INSERT, UPDATE, DELETE ON cairn.api_keys TO cairn_admin;
CREATE POLICY admin_keeps_api_keys ON cairn.api_keys TO cairn_admin USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON cairn.jobs TO cairn_admin;
CREATE POLICY admin_keeps_own_jobs ON cairn.jobs TO cairn_admin USING (tenant_id IS NULL) WITH CHECK (tenant_id IS NULL);
