-- What is written since a collection's last index was built can have an index, too.
ALTER TABLE cairn.collection_indexes
  DROP CONSTRAINT collection_indexes_kind_check,
  ADD CONSTRAINT collection_indexes_kind_check CHECK (kind IN ('vector', 'keyword', 'tail'));
