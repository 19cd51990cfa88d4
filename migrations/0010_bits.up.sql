-- The signs of a vector's elements beside it: to make them of the vector for each row that a search compares took a
-- seventh of the search. No row is rewritten: where there are none they are made of the vector as before. Nobody can
-- store others than the vector's own; NOT VALID spares the look at rows that cannot have any yet.
ALTER TABLE cairn.documents ADD COLUMN bits bit varying;
ALTER TABLE cairn.documents
  ADD CONSTRAINT documents_bits_check CHECK (bits IS NULL OR bits = binary_quantize(embedding)) NOT VALID;

-- In the row also where the vector is too long for it, from 2,000 dimensions on: then only what is compared whole is
-- fetched from TOAST. Citus cannot set it in tables that are distributed already, and does without.
DO $$
BEGIN
  ALTER TABLE cairn.documents ALTER COLUMN bits SET STORAGE MAIN;
EXCEPTION WHEN feature_not_supported THEN
  NULL;
END
$$;
