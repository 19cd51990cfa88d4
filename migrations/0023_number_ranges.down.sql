DROP FUNCTION cairn.filtered_rows;
REVOKE SELECT (ctid) ON cairn.documents FROM cairn_keyword;
DROP FUNCTION cairn.range_tokens;
-- With the indexes that are made with it.
DELETE FROM cairn.collection_indexes WHERE kind = 'keyword' AND settings->'numbers' = 'true'::jsonb;
DROP FUNCTION cairn.number_tokens CASCADE;
DROP FUNCTION cairn.number_token;
DROP FUNCTION cairn.sortable_number;
