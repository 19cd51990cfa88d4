-- What a migration from Chroma knows of itself: who holds it, how far each collection is, what was set aside.
-- The truth about a run lives here, so that it can be killed and taken up again anywhere.

CREATE TABLE cairn.migration_runs (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  source      text NOT NULL,                    -- the server's address without credentials
  status      text NOT NULL CHECK (status IN
                ('running', 'failed', 'complete', 'complete_with_exceptions', 'not_identical', 'cancelled')),
  options     jsonb NOT NULL DEFAULT '{}',
  holder      text NOT NULL,                    -- host, process and start of the process that works on it
  fence       bigint NOT NULL DEFAULT 1,        -- grows with every holder; a page that carries an old one is refused
  lease_until timestamptz NOT NULL,
  last_error  text,
  started_at  timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);
CREATE UNIQUE INDEX one_run_a_source ON cairn.migration_runs (source) WHERE finished_at IS NULL;

CREATE TABLE cairn.migration_collections (
  run_id          uuid NOT NULL REFERENCES cairn.migration_runs ON DELETE CASCADE,
  source_id       text NOT NULL,                -- Chroma's id of the collection
  source_tenant   text NOT NULL,
  source_database text NOT NULL,
  source_name     text NOT NULL,
  tenant_id       uuid NOT NULL,
  collection_id   uuid NOT NULL,
  vectors         text NOT NULL CHECK (vectors IN ('copy', 'embed')),
  why             text NOT NULL,
  fresh           boolean NOT NULL,             -- the target was empty when this run began: nothing to compare with
  state           text NOT NULL DEFAULT 'copying'
                    CHECK (state IN ('copying', 'identical', 'not_identical', 'vanished')),
  pass            integer NOT NULL DEFAULT 1,
  position        bigint NOT NULL DEFAULT 0,    -- ids of this pass already seen, in the source's order
  tally           jsonb NOT NULL DEFAULT '{}',  -- what this pass has counted so far
  written         bigint NOT NULL DEFAULT 0,    -- records written or deleted by the whole run
  seconds         double precision NOT NULL DEFAULT 0,
  updated_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run_id, source_id)
);

-- Records that were set aside (their vector cannot be used) and records that differ, of the newest pass.
CREATE TABLE cairn.migration_exceptions (
  run_id    uuid NOT NULL,
  source_id text NOT NULL,
  id_hash   bytea NOT NULL,                     -- an id may be longer than an index entry
  kind      text NOT NULL,
  id        text NOT NULL,
  pass      integer NOT NULL,
  detail    text NOT NULL,
  PRIMARY KEY (run_id, source_id, id_hash, kind),
  FOREIGN KEY (run_id, source_id) REFERENCES cairn.migration_collections ON DELETE CASCADE
);

GRANT SELECT, INSERT, UPDATE, DELETE
  ON cairn.migration_runs, cairn.migration_collections, cairn.migration_exceptions TO cairn_admin;

ALTER TABLE cairn.migration_runs        ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE cairn.migration_collections ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE cairn.migration_exceptions  ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY admin_keeps_runs ON cairn.migration_runs TO cairn_admin USING (true) WITH CHECK (true);
CREATE POLICY admin_keeps_run_collections ON cairn.migration_collections TO cairn_admin USING (true) WITH CHECK (true);
CREATE POLICY admin_keeps_exceptions ON cairn.migration_exceptions TO cairn_admin USING (true) WITH CHECK (true);
