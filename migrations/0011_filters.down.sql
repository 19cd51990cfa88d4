DROP FUNCTION cairn.metadata_rows;
REVOKE SELECT (metadata) ON cairn.documents FROM cairn_keyword;
