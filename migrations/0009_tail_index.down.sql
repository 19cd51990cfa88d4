DO $$
DECLARE
  index_name text;
BEGIN
  FOR index_name IN
    SELECT i.relname FROM pg_class i WHERE i.relnamespace = 'cairn'::regnamespace AND i.relkind = 'i'
      AND i.relname ~ '^tail_[0-9a-f]{32}_'
  LOOP
    EXECUTE format('DROP INDEX cairn.%I', index_name);
  END LOOP;
END
$$;
ALTER TABLE cairn.collection_indexes NO FORCE ROW LEVEL SECURITY; -- or its owner would delete nothing
DELETE FROM cairn.collection_indexes WHERE kind = 'tail';
ALTER TABLE cairn.collection_indexes FORCE ROW LEVEL SECURITY;
ALTER TABLE cairn.collection_indexes DROP CONSTRAINT collection_indexes_kind_check;
ALTER TABLE cairn.collection_indexes
  ADD CONSTRAINT collection_indexes_kind_check CHECK (kind IN ('vector', 'keyword'));
