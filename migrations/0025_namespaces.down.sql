DROP INDEX cairn.migration_collections_path;
ALTER TABLE cairn.api_keys NO FORCE ROW LEVEL SECURITY; -- or its owner would delete nothing
DELETE FROM cairn.api_keys WHERE namespace_id IS NOT NULL;
ALTER TABLE cairn.api_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE cairn.api_keys DROP CONSTRAINT api_keys_owner_check, DROP CONSTRAINT api_keys_namespace_check;
ALTER TABLE cairn.api_keys DROP COLUMN namespace_id;
DROP TABLE cairn.namespace_collections, cairn.namespace_databases, cairn.namespace_tenants, cairn.namespaces;
