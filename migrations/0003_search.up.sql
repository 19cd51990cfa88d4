-- Search at scale: rows are stamped with their collection's open segment; a closed range of segments can have indexes
-- of its own. No row is ever rewritten for that, and no insert pays for a graph.

ALTER TABLE cairn.collections
  ADD COLUMN open_segment   integer NOT NULL DEFAULT 0,
  ADD COLUMN language       text    NOT NULL DEFAULT 'english',  -- a text search configuration, for keyword search
  ADD COLUMN index_settings jsonb   NOT NULL DEFAULT '{}',       -- what differs from the defaults
  ADD COLUMN replaced_by    uuid;                                -- took its name with another model; it is read only then

ALTER TABLE cairn.documents ADD COLUMN segment integer NOT NULL DEFAULT 0;

-- Finds the tail that no index covers without reading the rest of the collection.
CREATE INDEX documents_segment ON cairn.documents (tenant_id, collection_id, segment);

-- The partial indexes that large collections have, on the partition of their tenant.
CREATE TABLE cairn.collection_indexes (
  tenant_id     uuid NOT NULL,
  collection_id uuid NOT NULL,
  name          text NOT NULL,                 -- of the index, in the schema cairn
  kind          text NOT NULL CHECK (kind IN ('vector', 'keyword')),
  first_segment integer NOT NULL,
  last_segment  integer NOT NULL CHECK (last_segment >= first_segment),
  settings      jsonb NOT NULL,                -- what it is built with
  state         text NOT NULL CHECK (state IN ('building', 'valid', 'retired')),
  rows          bigint NOT NULL,               -- in its segments when it was built
  seconds       double precision,              -- that the build took
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, collection_id, name),
  FOREIGN KEY (tenant_id, collection_id) REFERENCES cairn.collections ON DELETE CASCADE
);
GRANT SELECT, INSERT, UPDATE, DELETE ON cairn.collection_indexes TO cairn_app;
ALTER TABLE cairn.collection_indexes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_owns_collection_indexes ON cairn.collection_indexes TO cairn_app
  USING (tenant_id = (SELECT nullif(current_setting('cairn.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('cairn.tenant_id', true), '')::uuid));

-- One builder at a time; a lease rather than a lock, so that it holds behind a pooler and outlives nobody.
CREATE TABLE cairn.maintenance_leases (
  name       text PRIMARY KEY,
  holder     uuid NOT NULL,
  expires_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON cairn.maintenance_leases TO cairn_admin;
ALTER TABLE cairn.maintenance_leases ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY admin_keeps_leases ON cairn.maintenance_leases TO cairn_admin USING (true) WITH CHECK (true);

-- A scalar subselect is evaluated once a statement; the bare expression once a row.
ALTER POLICY tenant_owns_documents ON cairn.documents
  USING (tenant_id = (SELECT nullif(current_setting('cairn.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('cairn.tenant_id', true), '')::uuid));

-- Keyword search. Row-level security keeps `@@` away from an index, as it is not leakproof. So the rows that have a
-- word are found by a function that sees all documents and takes the tenant from the setting, never as an argument;
-- what it returns, ids of the tenant's own rows, the caller reads under row-level security as ever.
GRANT USAGE, CREATE ON SCHEMA cairn TO cairn_keyword; -- CREATE only to be given the function below
GRANT SELECT (tenant_id, collection_id, segment, id, chunk, content) ON cairn.documents TO cairn_keyword;
CREATE POLICY keyword_reads_documents ON cairn.documents FOR SELECT TO cairn_keyword USING (true);

-- Which rows have which of the words (1-based), within closed ranges of segments that have a keyword index: `most`
-- rows a word and range, as a word that more have tells little.
CREATE FUNCTION cairn.keyword_postings(
  collection uuid, language regconfig, words text[], firsts integer[], lasts integer[], most integer
) RETURNS TABLE (word integer, id text, chunk integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
  tenant uuid := nullif(current_setting('cairn.tenant_id', true), '')::uuid;
BEGIN
  IF tenant IS NULL THEN
    RETURN;
  END IF;
  FOR range IN 1..coalesce(array_length(firsts, 1), 0) LOOP
    FOR number IN 1..coalesce(array_length(words, 1), 0) LOOP
      RETURN QUERY EXECUTE format(
        'SELECT %s, d.id, d.chunk FROM cairn.documents AS d
         WHERE d.tenant_id = %L::uuid AND d.collection_id = %L::uuid AND d.segment >= %s AND d.segment <= %s
           AND to_tsvector(%L::regconfig, left(d.content, 200000)) @@ array_to_tsvector(ARRAY[%L])::text::tsquery
         LIMIT %s',
        number, tenant, collection, firsts[range], lasts[range], language, words[number], most);
    END LOOP;
  END LOOP;
END
$$;
ALTER FUNCTION cairn.keyword_postings OWNER TO cairn_keyword;
REVOKE CREATE ON SCHEMA cairn FROM cairn_keyword;
REVOKE ALL ON FUNCTION cairn.keyword_postings FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cairn.keyword_postings TO cairn_app;
