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
    SELECT tablename, policyname, CASE WHEN cmd <> 'INSERT' THEN 'USING ' || own END AS reads FROM pg_policies
    WHERE schemaname = 'cairn' AND concat(qual, with_check) LIKE '%SELECT%'
  LOOP
    EXECUTE format('ALTER POLICY %I ON cairn.%I %s WITH CHECK %s', policy.policyname, policy.tablename, policy.reads, own);
  END LOOP;
END
$$;

-- Citus cannot distribute a table with a trigger. This trigger supports earlier versions of the service, which do not run here.
DROP TRIGGER documents_forget_bits ON cairn.documents;

-- A reference table has a copy on every node. It is small, and the distributed tables refer to it.
SELECT create_reference_table('cairn.tenants');

-- A foreign key needs both tables distributed, or neither. These are dropped here and created again below.
ALTER TABLE cairn.documents DROP CONSTRAINT documents_tenant_id_collection_id_fkey;
ALTER TABLE cairn.collection_indexes DROP CONSTRAINT collection_indexes_tenant_id_collection_id_fkey;

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

ALTER TABLE cairn.documents ADD CONSTRAINT documents_tenant_id_collection_id_fkey
  FOREIGN KEY (tenant_id, collection_id) REFERENCES cairn.collections ON DELETE CASCADE;
ALTER TABLE cairn.collection_indexes ADD CONSTRAINT collection_indexes_tenant_id_collection_id_fkey
  FOREIGN KEY (tenant_id, collection_id) REFERENCES cairn.collections ON DELETE CASCADE;

-- The other tables stay on the coordinator: API keys and the names of namespaces (looked up before the tenant is known), and
-- jobs, which the operator also has without a tenant; the migration ledger; the leases; the phases and results of a cut-over.
