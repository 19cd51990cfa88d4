-- The headings above the start of a passage, outermost first, separated by line breaks, for hits and citations. They are valid
-- while headings_at equals updated_at: a service of the version before replaces a text without them. No row is rewritten.
ALTER TABLE cairn.documents ADD COLUMN headings text, ADD COLUMN headings_at timestamptz;
