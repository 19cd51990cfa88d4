-- The last build of a collection's indexes that did not come to its end, as JSON: over which segments, with which
-- settings, when, how often, why. Written before a build begins, so that one that takes the server with it counts, too.
ALTER TABLE cairn.collections ADD COLUMN index_attempt jsonb;
