ALTER TABLE cairn.migration_runs DROP COLUMN search, DROP COLUMN report;
