ALTER TABLE cairn.documents DROP COLUMN headings, DROP COLUMN headings_at;
