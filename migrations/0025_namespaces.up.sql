-- A namespace maps the names of a Chroma server to tenants and their collections, for applications that use one server for
-- all tenants. Its keys act for every tenant that it names.
CREATE TABLE cairn.namespaces (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name       text NOT NULL UNIQUE CHECK (name <> ''),
  settings   jsonb NOT NULL,                   -- patterns, mapping and fallback tenant
  created_at timestamptz NOT NULL DEFAULT now()
);

-- A key belongs to a tenant, to a namespace, or (neither) to the operator. The secret of a key of a namespace has a prefix of its own,
-- so that a service of the version before refuses it instead of taking it for the operator's.
ALTER TABLE cairn.api_keys ADD COLUMN namespace_id uuid REFERENCES cairn.namespaces ON DELETE CASCADE;
ALTER TABLE cairn.api_keys ADD CONSTRAINT api_keys_owner_check CHECK (tenant_id IS NULL OR namespace_id IS NULL);
ALTER TABLE cairn.api_keys ADD CONSTRAINT api_keys_namespace_check CHECK (namespace_id IS NULL OR NOT 'admin' = ANY (scopes));
CREATE INDEX api_keys_namespace ON cairn.api_keys (namespace_id) WHERE namespace_id IS NOT NULL;

-- The names that clients of a namespace have created. The default tenant and database exist without a row.
CREATE TABLE cairn.namespace_tenants (
  namespace_id  uuid NOT NULL REFERENCES cairn.namespaces ON DELETE CASCADE,
  name          text NOT NULL,
  resource_name text,
  PRIMARY KEY (namespace_id, name)
);
CREATE TABLE cairn.namespace_databases (
  namespace_id  uuid NOT NULL REFERENCES cairn.namespaces ON DELETE CASCADE,
  tenant_name   text NOT NULL,
  name          text NOT NULL,
  id            uuid NOT NULL DEFAULT gen_random_uuid(),
  PRIMARY KEY (namespace_id, tenant_name, name)
);
CREATE TABLE cairn.namespace_collections (
  namespace_id  uuid NOT NULL REFERENCES cairn.namespaces ON DELETE CASCADE,
  tenant_name   text NOT NULL,
  database_name text NOT NULL,
  name          text NOT NULL,
  tenant_id     uuid NOT NULL REFERENCES cairn.tenants ON DELETE CASCADE,
  collection_id uuid NOT NULL,                 -- the lineage: it stays when the model changes
  PRIMARY KEY (namespace_id, tenant_name, database_name, name),
  UNIQUE (namespace_id, collection_id)
);
CREATE INDEX namespace_collections_tenant ON cairn.namespace_collections (tenant_id);

-- Finds what migrations copied from a database of Chroma, which a namespace shows under its original names.
CREATE INDEX migration_collections_path ON cairn.migration_collections (source_tenant, source_database);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['namespaces', 'namespace_tenants', 'namespace_databases', 'namespace_collections'] LOOP
    EXECUTE format('ALTER TABLE cairn.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON cairn.%I TO cairn_admin', name);
    EXECUTE format('CREATE POLICY %I ON cairn.%I TO cairn_admin USING (true) WITH CHECK (true)', 'admin_keeps_' || name, name);
  END LOOP;
END
$$;
