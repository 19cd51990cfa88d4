-- What was changed here since an import wrote it stays as it is: a later run of the import neither restores nor overwrites it.

-- Documents that an import wrote and that were deleted here, known by a hash of their ids: neither id nor text is kept.
-- A tombstone outlives a change of model, so it belongs to the lineage and not to the collection.
CREATE TABLE cairn.tombstones (
  tenant_id uuid NOT NULL REFERENCES cairn.tenants ON DELETE CASCADE,
  lineage   uuid NOT NULL,
  id_hash   bytea NOT NULL,                          -- SHA-256 of the lineage and the document's key
  created_at timestamptz NOT NULL DEFAULT now(),
  seen_at   timestamptz NOT NULL DEFAULT now(),      -- deleted then, or still in the import's source then
  PRIMARY KEY (tenant_id, lineage, id_hash)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON cairn.tombstones TO cairn_app;
ALTER TABLE cairn.tombstones ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_owns_tombstones ON cairn.tombstones TO cairn_app
  USING (tenant_id = (SELECT nullif(current_setting('cairn.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('cairn.tenant_id', true), '')::uuid));

-- The first of the collections that bore the name one after the other, each with another model. Null: it is the first.
ALTER TABLE cairn.collections ADD COLUMN lineage uuid;

-- Where a run put a collection, so that the next one tells a target that was renamed or deleted here from one that is
-- yet to be made. Null in rows of earlier versions.
ALTER TABLE cairn.migration_collections
  ADD COLUMN lineage          uuid,
  ADD COLUMN place_tenant     text,                  -- as the pattern or the mapping named it
  ADD COLUMN place_collection text,
  ADD COLUMN metadata         text;                  -- of the collection, as the newest run wrote it: JSON
