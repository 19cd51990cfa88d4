DROP FUNCTION cairn.keyword_rows(uuid, regconfig, text[], integer[], integer[], integer, integer, boolean);
-- With the indexes that are made with it.
ALTER TABLE cairn.collection_indexes NO FORCE ROW LEVEL SECURITY; -- or its owner would delete nothing
DELETE FROM cairn.collection_indexes WHERE kind = 'keyword' AND settings->'bigrams' = 'true'::jsonb;
ALTER TABLE cairn.collection_indexes FORCE ROW LEVEL SECURITY;
DROP FUNCTION cairn.keyword_vector CASCADE;
