-- Words that more rows have than are looked at: of each the first rows are a sample, and a row that has two of them may
-- be in neither. So the rows that have all such words together are found as well, and where they are few, those that
-- lack one of them. Otherwise as cairn.keyword_postings, which a service of the version before still asks.
GRANT CREATE ON SCHEMA cairn TO cairn_keyword; -- only to be given the function below
CREATE FUNCTION cairn.keyword_rows(
  collection uuid, language regconfig, words text[], firsts integer[], lasts integer[], most integer, few integer
) RETURNS TABLE (word integer, id text, chunk integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
  tenant uuid := nullif(current_setting('cairn.tenant_id', true), '')::uuid;
  rows_with text;
  common integer[];
  together integer[];
  found_rows bigint;
BEGIN
  IF tenant IS NULL THEN
    RETURN;
  END IF;
  FOR range IN 1..coalesce(array_length(firsts, 1), 0) LOOP
    rows_with := format(
      'SELECT n, found.id, found.chunk FROM unnest($1) AS n CROSS JOIN (
         SELECT d.id, d.chunk FROM cairn.documents AS d
         WHERE d.tenant_id = %L::uuid AND d.collection_id = %L::uuid AND d.segment >= %s AND d.segment <= %s
           AND to_tsvector(%L::regconfig, left(d.content, 200000)) @@ %%L::tsquery
         LIMIT %%s) AS found',
      tenant, collection, firsts[range], lasts[range], language);
    common := '{}';
    FOR number IN 1..coalesce(array_length(words, 1), 0) LOOP
      RETURN QUERY EXECUTE format(rows_with, array_to_tsvector(ARRAY[words[number]])::text, most) USING ARRAY[number];
      GET DIAGNOSTICS found_rows = ROW_COUNT;
      IF found_rows >= most THEN
        common := common || number;
      END IF;
    END LOOP;
    FOR missing IN 0..cardinality(common) LOOP -- 0: none is missing
      together := CASE WHEN missing = 0 THEN common ELSE array_remove(common, common[missing]) END;
      EXIT WHEN cardinality(together) < 2;
      RETURN QUERY EXECUTE format(
        rows_with,
        (SELECT string_agg(array_to_tsvector(ARRAY[words[number]])::text, '&') FROM unnest(together) AS number), few
      ) USING together;
      GET DIAGNOSTICS found_rows = ROW_COUNT;
      EXIT WHEN missing = 0 AND found_rows >= few * cardinality(together);
    END LOOP;
  END LOOP;
END
$$;
ALTER FUNCTION cairn.keyword_rows OWNER TO cairn_keyword;
REVOKE CREATE ON SCHEMA cairn FROM cairn_keyword;
REVOKE ALL ON FUNCTION cairn.keyword_rows FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cairn.keyword_rows TO cairn_app;
