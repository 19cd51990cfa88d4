DROP TABLE cairn.migration_exceptions, cairn.migration_collections, cairn.migration_runs;
