-- The order in which documents were added, which replacing a document keeps. A write takes one value of the sequence and
-- numbers its rows with the 20 bits below it, in the order of the request. Null: added before this version, so before
-- every numbered row. No row is rewritten.
CREATE SEQUENCE cairn.document_sequence;
GRANT USAGE ON SEQUENCE cairn.document_sequence TO cairn_app;
ALTER TABLE cairn.documents ADD COLUMN sequence bigint;
-- For a service of the version before, which does not know the column.
ALTER TABLE cairn.documents ALTER COLUMN sequence SET DEFAULT (nextval('cairn.document_sequence') << 20);

-- Pages in this order, and the number of documents, without reading the rows.
CREATE INDEX documents_sequence ON cairn.documents (tenant_id, collection_id, sequence NULLS FIRST, id) WHERE chunk = 0;

-- What another protocol knows of a collection, by the name of the protocol.
ALTER TABLE cairn.collections ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}';
