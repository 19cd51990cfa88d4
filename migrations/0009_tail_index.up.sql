-- What is written since a collection's last index was built can have an index, too.
-- Two statements: Citus refuses them in one.
ALTER TABLE cairn.collection_indexes DROP CONSTRAINT collection_indexes_kind_check;
ALTER TABLE cairn.collection_indexes
  ADD CONSTRAINT collection_indexes_kind_check CHECK (kind IN ('vector', 'keyword', 'tail'));
