-- Tenants, collections, documents and the cache of paid embeddings; two roles; row-level security on every table.

-- pgvector and the roles are there already, see packages/core/database/prepare-schema.ts. cairn_app sees one tenant's
-- rows, the one named by the setting cairn.tenant_id. cairn_admin keeps the list of tenants and the migration ledger, and
-- cannot read a collection or a document. Neither owns anything or logs in.
GRANT USAGE ON SCHEMA cairn TO cairn_app, cairn_admin;

CREATE TABLE cairn.tenants (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name        text NOT NULL UNIQUE CHECK (name <> ''),
  settings    jsonb NOT NULL DEFAULT '{}',
  created_at  timestamptz NOT NULL DEFAULT now(),
  disabled_at timestamptz
);

CREATE TABLE cairn.collections (
  tenant_id       uuid NOT NULL REFERENCES cairn.tenants ON DELETE CASCADE,
  id              uuid NOT NULL DEFAULT gen_random_uuid(),
  name            text NOT NULL CHECK (name <> ''),
  embedding_model text,                                              -- provider/model; null: nobody knows it
  dimensions      integer CHECK (dimensions BETWEEN 1 AND 16000),    -- null until the first vector is written
  metric          text NOT NULL CHECK (metric IN ('cosine', 'l2', 'ip')),
  metadata        jsonb NOT NULL DEFAULT '{}',
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, name)
);

-- A row is one passage. `id` is the caller's own string; one over 1,000 bytes does not fit a B-tree entry, so it
-- stands under its SHA-256 and whole in long_id. `origin` names the import that wrote the row, null the service.
CREATE TABLE cairn.documents (
  tenant_id     uuid NOT NULL,
  collection_id uuid NOT NULL,
  id            text COLLATE "C" NOT NULL,
  chunk         integer NOT NULL DEFAULT 0,
  content       text,
  embedding     vector,
  metadata      jsonb NOT NULL DEFAULT '{}',
  uri           text,
  long_id       text,
  origin        uuid,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, collection_id, id, chunk),
  FOREIGN KEY (tenant_id, collection_id) REFERENCES cairn.collections ON DELETE CASCADE
) PARTITION BY HASH (tenant_id);

-- Vectors stay in the row: an exact scan that has to fetch each from TOAST is four times as slow. The partitions'
-- toast_tuple_target keeps Postgres from trying to compress vectors whose row fits a page, in vain and for a third
-- of the time of an insert.
ALTER TABLE cairn.documents ALTER COLUMN embedding SET STORAGE MAIN;

CREATE TABLE cairn.embedding_cache (
  tenant_id    uuid NOT NULL REFERENCES cairn.tenants ON DELETE CASCADE,
  model        text NOT NULL,
  dimensions   integer NOT NULL,
  content_hash bytea NOT NULL,
  embedding    vector NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, model, dimensions, content_hash)
);

GRANT SELECT ON cairn.tenants TO cairn_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON cairn.collections, cairn.documents, cairn.embedding_cache TO cairn_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON cairn.tenants TO cairn_admin;

ALTER TABLE cairn.tenants         ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE cairn.collections     ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE cairn.documents       ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE cairn.embedding_cache ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- A setting that a finished transaction left behind reads '', not null; '' must match no tenant rather than fail.
CREATE POLICY tenant_reads_itself ON cairn.tenants FOR SELECT TO cairn_app
  USING (id = nullif(current_setting('cairn.tenant_id', true), '')::uuid);
CREATE POLICY admin_keeps_tenants ON cairn.tenants TO cairn_admin
  USING (true) WITH CHECK (true);
CREATE POLICY tenant_owns_collections ON cairn.collections TO cairn_app
  USING (tenant_id = nullif(current_setting('cairn.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = nullif(current_setting('cairn.tenant_id', true), '')::uuid);
CREATE POLICY tenant_owns_documents ON cairn.documents TO cairn_app
  USING (tenant_id = nullif(current_setting('cairn.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = nullif(current_setting('cairn.tenant_id', true), '')::uuid);
CREATE POLICY tenant_owns_cached_embeddings ON cairn.embedding_cache TO cairn_app
  USING (tenant_id = nullif(current_setting('cairn.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = nullif(current_setting('cairn.tenant_id', true), '')::uuid);

-- Planning looks at every index of a table, so the indexes that large collections get are spread over partitions.
-- Nobody is granted a partition; row-level security without a policy closes it even if somebody were.
DO $$
BEGIN
  FOR remainder IN 0..31 LOOP
    EXECUTE format(
      'CREATE TABLE cairn.documents_%s PARTITION OF cairn.documents FOR VALUES WITH (MODULUS 32, REMAINDER %s)
         WITH (toast_tuple_target = 8160)',
      lpad(remainder::text, 2, '0'), remainder);
    EXECUTE format(
      'ALTER TABLE cairn.documents_%s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
      lpad(remainder::text, 2, '0'));
  END LOOP;
END
$$;
