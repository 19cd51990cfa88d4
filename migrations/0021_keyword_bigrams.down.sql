DROP FUNCTION cairn.keyword_rows(uuid, regconfig, text[], integer[], integer[], integer, integer, boolean);
-- With the indexes that are made with it.
DELETE FROM cairn.collection_indexes WHERE kind = 'keyword' AND settings->'bigrams' = 'true'::jsonb;
DROP FUNCTION cairn.keyword_vector CASCADE;
