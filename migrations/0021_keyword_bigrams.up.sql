-- Keyword search in languages that are written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese): a run of their
-- characters becomes its overlapping pairs, as in Lucene's CJKAnalyzer. docs/search.md has the measurement against a word
-- segmenter. Everything else is what to_tsvector makes of it, so an index of before serves until it is rebuilt.
CREATE FUNCTION cairn.keyword_vector(language regconfig, content text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
  head text := left(content, 200000);
  runs text;
BEGIN
  -- A tsvector holds 1 MB. 200,000 bytes of text never need more, whatever its words; 50,000 characters have no more bytes.
  IF octet_length(head) > 200000 THEN
    head := left(head, 50000);
  END IF;
  IF head !~ '[\u0E01-\u0E3A\u0E40-\u0E4E\u0E80-\u0EFF\u1000-\u109F\u1780-\u17FF\u3005-\u3007\u3040-\u30FF\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF\uFF66-\uFF9F\U00020000-\U0003FFFF]' THEN
    RETURN to_tsvector(language, head);
  END IF;
  runs := regexp_replace(head, '[^\u0E01-\u0E3A\u0E40-\u0E4E\u0E80-\u0EFF\u1000-\u109F\u1780-\u17FF\u3005-\u3007\u3040-\u30FF\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF\uFF66-\uFF9F\U00020000-\U0003FFFF]+', ' ', 'g');
  RETURN to_tsvector(language, regexp_replace(head, '[\u0E01-\u0E3A\u0E40-\u0E4E\u0E80-\u0EFF\u1000-\u109F\u1780-\u17FF\u3005-\u3007\u3040-\u30FF\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF\uFF66-\uFF9F\U00020000-\U0003FFFF]+', ' ', 'g'))
    || array_to_tsvector(ARRAY(
      SELECT DISTINCT word FROM unnest(
        string_to_array(regexp_replace(runs, '(\S\S)', '\1 ', 'g'), ' ')
        || string_to_array(regexp_replace(regexp_replace(runs, '(^|\s)\S', ' ', 'g'), '(\S\S)', '\1 ', 'g'), ' ')
      ) AS word WHERE length(word) = 2
      UNION
      SELECT word FROM unnest(string_to_array(runs, ' ')) AS word WHERE length(word) = 1));
END
$$;

-- As the function of the same name with an argument less, which a service of the version before calls, for indexes of
-- either expression.
GRANT CREATE ON SCHEMA cairn TO cairn_keyword; -- only to be given the function below
CREATE FUNCTION cairn.keyword_rows(
  collection uuid, language regconfig, words text[], firsts integer[], lasts integer[], most integer, few integer,
  bigrams boolean
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
           AND %s @@ %%L::tsquery
         LIMIT %%s) AS found',
      tenant, collection, firsts[range], lasts[range],
      format(
        CASE WHEN bigrams THEN 'cairn.keyword_vector(%L::regconfig, d.content)'
             ELSE 'to_tsvector(%L::regconfig, left(d.content, 200000))' END, language));
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
ALTER FUNCTION cairn.keyword_rows(uuid, regconfig, text[], integer[], integer[], integer, integer, boolean)
  OWNER TO cairn_keyword;
REVOKE CREATE ON SCHEMA cairn FROM cairn_keyword;
REVOKE ALL ON FUNCTION cairn.keyword_rows(uuid, regconfig, text[], integer[], integer[], integer, integer, boolean)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cairn.keyword_rows(uuid, regconfig, text[], integer[], integer[], integer, integer, boolean)
  TO cairn_app;
