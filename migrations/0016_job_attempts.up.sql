-- A job counts how often a worker took it and did not bring it back: after three it has failed. When a tenant was served
-- last decides whose job is next.
ALTER TABLE cairn.jobs
  ADD COLUMN attempts integer NOT NULL DEFAULT 0,  -- workers that took it, without those that handed it over
  ADD COLUMN taken_at timestamptz;                 -- when a worker took it last
CREATE INDEX jobs_taken ON cairn.jobs (tenant_id, taken_at);

-- Which jobs wait for a worker, of all tenants: the roles of requests see one tenant's. A worker learns whose they are and
-- nothing else; what a job is asked for it reads as that tenant.
GRANT SELECT (tenant_id, id, kind, status, attempts, taken_at, held_until, created_at, updated_at) ON cairn.jobs TO cairn_keyword;
CREATE POLICY keyword_reads_jobs ON cairn.jobs FOR SELECT TO cairn_keyword USING (true);

-- The next jobs, fairest first: of the tenant with the fewest running, then of the one that was served longest ago; of one
-- tenant the oldest, those that lost a worker last. `full`: tenants that have enough running where the caller is, the
-- operator as the zero UUID. `most_attempts`: leaves out jobs that lost more workers. `idle_seconds`: without a heartbeat.
GRANT CREATE ON SCHEMA cairn TO cairn_keyword; -- only to be given the function below
CREATE FUNCTION cairn.waiting_jobs(
  kinds text[], full_tenants uuid[], most_attempts integer, idle_seconds double precision, most integer
) RETURNS TABLE (tenant_id uuid, id uuid, attempts integer)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  WITH open AS (
    SELECT j.*, coalesce(j.tenant_id, '00000000-0000-0000-0000-000000000000') AS owner,
           coalesce(j.held_until < now(), true) AS waiting
    FROM (SELECT tenant_id, id, kind, attempts, held_until, created_at, updated_at
          FROM cairn.jobs WHERE status = 'in_progress') AS j),
  owners AS (
    SELECT owner, count(*) FILTER (WHERE NOT waiting) AS running FROM open GROUP BY owner),
  served AS (
    SELECT o.owner, o.running,
           (SELECT max(t.taken_at) FROM cairn.jobs AS t WHERE t.tenant_id = o.owner) AS last FROM owners AS o),
  candidates AS (
    SELECT open.*, row_number() OVER (PARTITION BY owner ORDER BY attempts, created_at, id) AS place
    FROM open
    WHERE waiting AND (kinds IS NULL OR kind = ANY(kinds)) AND NOT owner = ANY(full_tenants)
      AND attempts <= most_attempts AND updated_at <= now() - idle_seconds * interval '1 second')
  SELECT c.tenant_id, c.id, c.attempts
  FROM candidates AS c JOIN served AS s USING (owner)
  ORDER BY s.running + c.place, s.last NULLS FIRST, c.attempts, c.created_at, c.id
  LIMIT most
$$;
ALTER FUNCTION cairn.waiting_jobs OWNER TO cairn_keyword;
REVOKE CREATE ON SCHEMA cairn FROM cairn_keyword;
REVOKE ALL ON FUNCTION cairn.waiting_jobs FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cairn.waiting_jobs TO cairn_admin;
