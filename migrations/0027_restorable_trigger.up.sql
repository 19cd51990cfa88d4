-- The condition of the trigger with an operator that pg_dump writes with its schema. It writes IS DISTINCT FROM without one, and
-- pg_restore, whose search path is empty, then does not find pgvector's operator.
DO $$
BEGIN
  CREATE OR REPLACE TRIGGER documents_forget_bits BEFORE UPDATE ON cairn.documents FOR EACH ROW
    WHEN ((NEW.embedding <> OLD.embedding) IS NOT FALSE AND NEW.bits = OLD.bits)
    EXECUTE FUNCTION cairn.forget_bits();
EXCEPTION WHEN feature_not_supported THEN -- Citus has no triggers on distributed tables
  NULL;
END
$$;
