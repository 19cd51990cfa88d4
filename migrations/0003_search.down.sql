-- The collections' own indexes lie on the partitions: they go first, by name, as other objects depend on none of them.
DO $$
DECLARE
  index_name text;
BEGIN
  FOR index_name IN
    SELECT i.relname FROM pg_class i WHERE i.relnamespace = 'cairn'::regnamespace AND i.relkind = 'i'
      AND i.relname ~ '^(vector|keyword)_[0-9a-f]{32}_'
  LOOP
    EXECUTE format('DROP INDEX cairn.%I', index_name);
  END LOOP;
END
$$;
DROP FUNCTION cairn.keyword_postings;
DROP POLICY keyword_reads_documents ON cairn.documents;
REVOKE ALL ON cairn.documents FROM cairn_keyword;
REVOKE SELECT (tenant_id, collection_id, segment, id, chunk, content) ON cairn.documents FROM cairn_keyword;
REVOKE ALL ON SCHEMA cairn FROM cairn_keyword; -- the role stays, as another database of the cluster may use it
ALTER POLICY tenant_owns_documents ON cairn.documents
  USING (tenant_id = nullif(current_setting('cairn.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = nullif(current_setting('cairn.tenant_id', true), '')::uuid);
DROP TABLE cairn.maintenance_leases;
DROP TABLE cairn.collection_indexes;
DROP INDEX cairn.documents_segment;
ALTER TABLE cairn.documents DROP COLUMN segment;
ALTER TABLE cairn.collections DROP COLUMN open_segment, DROP COLUMN language, DROP COLUMN index_settings,
  DROP COLUMN replaced_by;
