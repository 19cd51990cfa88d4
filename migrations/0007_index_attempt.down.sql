ALTER TABLE cairn.collections DROP COLUMN index_attempt;
