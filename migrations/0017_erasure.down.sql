DROP INDEX cairn.embedding_cache_used;
DROP INDEX cairn.embedding_cache_content;
ALTER TABLE cairn.embedding_cache DROP COLUMN used_at;
ALTER TABLE cairn.collections DROP COLUMN filled_from;
