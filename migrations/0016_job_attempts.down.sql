DROP FUNCTION cairn.waiting_jobs;
DROP POLICY keyword_reads_jobs ON cairn.jobs;
REVOKE SELECT (tenant_id, id, kind, status, attempts, taken_at, held_until, created_at, updated_at) ON cairn.jobs FROM cairn_keyword;
DROP INDEX cairn.jobs_taken;
ALTER TABLE cairn.jobs DROP COLUMN attempts, DROP COLUMN taken_at;
