-- Where each passage begins in its document's text, in UTF-16 code units of the decoded text, so that the text can be
-- put together again exactly. Null: written by an earlier version, which did not know.
-- That version may still run: it replaces content without touching the offset. So an offset counts only while
-- offset_at equals updated_at, which every write sets.
ALTER TABLE cairn.documents
  ADD COLUMN text_offset integer,
  ADD COLUMN offset_at   timestamptz;

-- How the collection's long texts are split: {"maxTokens": 800, "overlap": 400}; what is missing has a default.
ALTER TABLE cairn.collections ADD COLUMN chunking jsonb NOT NULL DEFAULT '{}';
