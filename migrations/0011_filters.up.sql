-- The keyword index of a large collection holds its metadata, too: a filter that lets few rows through finds them by it.
GRANT SELECT (metadata) ON cairn.documents TO cairn_keyword;

-- The rows of closed segments, `most` of them, whose metadata contains one of the objects of each list, as in
-- [[{"topic": "a"}, {"topic": "b"}], [{"year": 2026}]]. Row-level security would keep the index from a tenant's own
-- statement, as @> is not leakproof: so the tenant is taken from the setting, never from an argument.
GRANT CREATE ON SCHEMA cairn TO cairn_keyword; -- only to be given the function below
CREATE FUNCTION cairn.metadata_rows(
  collection uuid, contained jsonb, first_segment integer, last_segment integer, most integer
) RETURNS TABLE (id text, chunk integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
  tenant uuid := nullif(current_setting('cairn.tenant_id', true), '')::uuid;
BEGIN
  IF tenant IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY EXECUTE format(
    'SELECT d.id, d.chunk FROM cairn.documents AS d
     WHERE d.tenant_id = %L::uuid AND d.collection_id = %L::uuid AND d.segment >= %s AND d.segment <= %s AND %s LIMIT %s',
    tenant, collection, first_segment, last_segment,
    coalesce((
      SELECT string_agg('(' || (
        SELECT string_agg(format('d.metadata @> %L::jsonb', one), ' OR ') FROM jsonb_array_elements(list) AS one
      ) || ')', ' AND ')
      FROM jsonb_array_elements(contained) AS list), 'true'),
    most);
END
$$;
ALTER FUNCTION cairn.metadata_rows OWNER TO cairn_keyword;
REVOKE CREATE ON SCHEMA cairn FROM cairn_keyword;
REVOKE ALL ON FUNCTION cairn.metadata_rows FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cairn.metadata_rows TO cairn_app;
