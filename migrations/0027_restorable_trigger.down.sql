DO $$
BEGIN
  CREATE OR REPLACE TRIGGER documents_forget_bits BEFORE UPDATE ON cairn.documents FOR EACH ROW
    WHEN (NEW.embedding IS DISTINCT FROM OLD.embedding AND NEW.bits = OLD.bits)
    EXECUTE FUNCTION cairn.forget_bits();
EXCEPTION WHEN feature_not_supported THEN
  NULL;
END
$$;
