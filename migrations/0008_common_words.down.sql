DROP FUNCTION cairn.keyword_rows;
