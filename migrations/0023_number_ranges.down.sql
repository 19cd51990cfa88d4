DROP FUNCTION cairn.filtered_rows;
REVOKE SELECT (ctid) ON cairn.documents FROM cairn_keyword;
DROP FUNCTION cairn.range_tokens;
-- With the indexes that are made with it.
ALTER TABLE cairn.collection_indexes NO FORCE ROW LEVEL SECURITY; -- or its owner would delete nothing
DELETE FROM cairn.collection_indexes WHERE kind = 'keyword' AND settings->'numbers' = 'true'::jsonb;
ALTER TABLE cairn.collection_indexes FORCE ROW LEVEL SECURITY;
DROP FUNCTION cairn.number_tokens CASCADE;
DROP FUNCTION cairn.number_token;
DROP FUNCTION cairn.sortable_number;
