-- A migration as a batch of steps: what a later step needs of an earlier one stands in the ledger, not in the batch's state.
ALTER TABLE cairn.migration_runs
  ADD COLUMN search text,          -- the comparison of searches, as JSON
  ADD COLUMN report text;          -- the proof, as JSON
