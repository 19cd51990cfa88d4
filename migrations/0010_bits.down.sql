-- With the column go the indexes that hold it: they are forgotten here, and built again over the vectors.
ALTER TABLE cairn.collection_indexes NO FORCE ROW LEVEL SECURITY; -- or its owner would delete nothing
DELETE FROM cairn.collection_indexes WHERE settings ? 'stored';
ALTER TABLE cairn.collection_indexes FORCE ROW LEVEL SECURITY;
ALTER TABLE cairn.documents DROP COLUMN bits;
