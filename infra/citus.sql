-- Distributes an empty knowledge base by tenant with Citus. A superuser runs this once on the coordinator, after `cairn db migrate`.
-- docs/scale.md says when, why, and on which versions it was tested.

-- Citus queries the workers as the transaction's current role, so that row-level security also applies there. Citus opens
-- those connections itself, so the roles must be allowed to log in, with a password or certificate in pg_dist_authinfo.
ALTER ROLE cairn_app LOGIN;
ALTER ROLE cairn_admin LOGIN;
ALTER ROLE cairn_keyword LOGIN;

-- Citus passes a transaction's settings, including the tenant, to each worker it uses. Keyword search calls a function
-- on the tenant's worker that reads the same tenant's documents there, which is a nested query.
DO $$
BEGIN
  EXECUTE format('ALTER DATABASE %I SET citus.propagate_set_commands = local', current_database());
  EXECUTE format('ALTER DATABASE %I SET citus.allow_nested_distributed_execution = on', current_database());
END
$$;

-- Citus refuses policies with a subquery. The plain expression is equivalent, but is evaluated per row, not per statement.
DO $$
DECLARE
  policy record;
  own constant text := '(tenant_id = nullif(current_setting(''cairn.tenant_id'', true), '''')::uuid)';
BEGIN
  FOR policy IN
    SELECT tablename, policyname, CASE WHEN cmd <> 'INSERT' THEN 'USING ' || own END AS reads,
           CASE WHEN cmd NOT IN ('SELECT', 'DELETE') THEN 'WITH CHECK ' || own END AS writes FROM pg_policies
    WHERE schemaname = 'cairn' AND concat(qual, with_check) LIKE '%SELECT%'
  LOOP
    EXECUTE format('ALTER POLICY %I ON cairn.%I %s %s', policy.policyname, policy.tablename, policy.reads, policy.writes);
  END LOOP;
END
$$;

-- Citus cannot distribute a table with a trigger. This trigger supports earlier versions of the service, which do not run here.
DROP TRIGGER documents_forget_bits ON cairn.documents;

-- Foreign keys are dropped here and created again at the end: Citus can distribute neither side of one alone.
CREATE TEMPORARY TABLE foreign_keys AS
  SELECT conrelid::regclass AS "table", conname AS name, pg_get_constraintdef(oid) AS definition
  FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND connamespace = 'cairn'::regnamespace;
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', "table", name) FROM foreign_keys \gexec

-- A reference table has a copy on every node. It is small, and the distributed tables refer to it.
SELECT create_reference_table('cairn.tenants');

-- A tenant's rows of all these tables are in shards of one node, so that a tenant's queries, foreign keys and transactions
-- stay on that node. The partitions of documents are distributed with their table.
SELECT create_distributed_table('cairn.collections', 'tenant_id', shard_count => 32);
SELECT create_distributed_table('cairn.documents', 'tenant_id', colocate_with => 'cairn.collections');
SELECT create_distributed_table('cairn.collection_indexes', 'tenant_id', colocate_with => 'cairn.collections');
SELECT create_distributed_table('cairn.embedding_cache', 'tenant_id', colocate_with => 'cairn.collections');
SELECT create_distributed_table('cairn.embedding_usage', 'tenant_id', colocate_with => 'cairn.collections');
SELECT create_distributed_table('cairn.idempotency_keys', 'tenant_id', colocate_with => 'cairn.collections');
SELECT create_distributed_table('cairn.tombstones', 'tenant_id', colocate_with => 'cairn.collections');
SELECT create_distributed_table('cairn.evaluation_sets', 'tenant_id', colocate_with => 'cairn.collections');
SELECT create_distributed_table('cairn.evaluation_runs', 'tenant_id', colocate_with => 'cairn.collections');
-- A change is recorded in the transaction of the write that makes it, so it belongs to the same node.
SELECT create_distributed_table('cairn.changes', 'tenant_id', colocate_with => 'cairn.collections');
-- So is what a write adds to its tenant's counter.
SELECT create_distributed_table('cairn.stored_totals', 'tenant_id', colocate_with => 'cairn.collections');

-- Citus does not keep the privilege on the system column ctid when it distributes a table or moves a shard.
GRANT SELECT ON cairn.documents TO cairn_keyword;

-- The other tables stay on the coordinator: API keys and the names of namespaces (looked up before the tenant is known), and
-- jobs, which the operator also has without a tenant; the migration ledger; the leases; the phases and results of a cut-over;
-- usage by day, which is written for many tenants at once. If they referred to a reference table, Citus would plan their
-- statements too, and refuse many of them. So they refer to the coordinator's own copy of it, which is an ordinary table.
SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', "table", name,
              CASE WHEN EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = "table") THEN definition
              ELSE replace(definition, 'cairn.tenants(', copy || '(') END)
FROM foreign_keys, (SELECT shard_name AS copy FROM citus_shards WHERE table_name = 'cairn.tenants'::regclass LIMIT 1) AS c \gexec
