DROP TABLE cairn.evaluation_runs, cairn.evaluation_sets;
