-- With the column go the indexes that hold it: they are forgotten here, searches look again, and they are built anew.
ALTER TABLE cairn.collection_indexes NO FORCE ROW LEVEL SECURITY; -- or its owner would see and change nothing
ALTER TABLE cairn.collections NO FORCE ROW LEVEL SECURITY;
UPDATE cairn.collections SET open_segment = open_segment
WHERE (tenant_id, id) IN (SELECT tenant_id, collection_id FROM cairn.collection_indexes WHERE settings ? 'stored');
DELETE FROM cairn.collection_indexes WHERE settings ? 'stored';
ALTER TABLE cairn.collections FORCE ROW LEVEL SECURITY;
ALTER TABLE cairn.collection_indexes FORCE ROW LEVEL SECURITY;
DROP TRIGGER IF EXISTS documents_forget_bits ON cairn.documents;
DROP FUNCTION cairn.forget_bits;
ALTER TABLE cairn.documents DROP COLUMN bits;
