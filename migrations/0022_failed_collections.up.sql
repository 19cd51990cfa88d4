-- Collections that failed by themselves while the others of the run went on: by the source's id, each with its name, the
-- error's code and message, and the number of attempts. Emptied when a run is taken up again.
ALTER TABLE cairn.migration_runs ADD COLUMN failures jsonb NOT NULL DEFAULT '{}';
