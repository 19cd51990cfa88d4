ALTER TABLE cairn.migration_runs DROP COLUMN failures;
