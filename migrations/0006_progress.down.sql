ALTER TABLE cairn.migration_collections DROP COLUMN total;
