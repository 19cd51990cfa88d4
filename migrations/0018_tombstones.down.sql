ALTER TABLE cairn.migration_collections
  DROP COLUMN lineage, DROP COLUMN place_tenant, DROP COLUMN place_collection, DROP COLUMN metadata;
ALTER TABLE cairn.collections DROP COLUMN lineage;
DROP TABLE cairn.tombstones;
