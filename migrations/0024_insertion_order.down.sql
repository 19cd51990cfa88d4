ALTER TABLE cairn.collections DROP COLUMN attributes;
DROP INDEX cairn.documents_sequence;
ALTER TABLE cairn.documents DROP COLUMN sequence;
DROP SEQUENCE cairn.document_sequence;
