ALTER TABLE cairn.collections DROP COLUMN chunking;
ALTER TABLE cairn.documents DROP COLUMN offset_at, DROP COLUMN text_offset;
