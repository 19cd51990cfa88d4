-- How many records a collection's pass has before it, so that a run can be watched from another process.
ALTER TABLE cairn.migration_collections ADD COLUMN total bigint NOT NULL DEFAULT 0;
