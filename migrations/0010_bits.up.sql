-- The signs of a vector's elements beside it: to make them of the vector for each row that a search compares took a
-- seventh of the search. No row is rewritten: where there are none they are made of the vector as before. None but the
-- vector's own can be stored; NOT VALID spares the look at rows that cannot have any yet.
ALTER TABLE cairn.documents ADD COLUMN bits bit varying;
ALTER TABLE cairn.documents ADD CONSTRAINT documents_bits_check
  CHECK (bits IS NULL OR (embedding IS NOT NULL AND bits = binary_quantize(embedding))) NOT VALID;

-- A service of the version before, which knows of no bits, replaces vectors while it still runs.
CREATE FUNCTION cairn.forget_bits() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.bits := NULL;
  RETURN NEW;
END
$$;

-- Citus has neither of these for tables that are distributed already.
DO $$
BEGIN
  CREATE TRIGGER documents_forget_bits BEFORE UPDATE ON cairn.documents FOR EACH ROW
    WHEN (NEW.embedding IS DISTINCT FROM OLD.embedding AND NEW.bits = OLD.bits)
    EXECUTE FUNCTION cairn.forget_bits();
EXCEPTION WHEN feature_not_supported THEN
  NULL;
END
$$;
DO $$
BEGIN
  -- In the row also where the vector is too long for it, from 2,000 dimensions on: only what is compared whole is
  -- fetched from TOAST.
  ALTER TABLE cairn.documents ALTER COLUMN bits SET STORAGE MAIN;
EXCEPTION WHEN feature_not_supported THEN
  NULL;
END
$$;
