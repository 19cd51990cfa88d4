DELETE FROM cairn.api_keys WHERE namespace_id IS NOT NULL;
ALTER TABLE cairn.api_keys DROP COLUMN namespace_id;
DROP TABLE cairn.namespace_collections, cairn.namespace_databases, cairn.namespace_tenants, cairn.namespaces;
