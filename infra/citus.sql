-- Distributes an empty knowledge base by tenant with Citus: run once on the coordinator, after `cairn db migrate`, by a superuser.
-- docs/scale.md says when, why, and what it was tried on.

-- The workers are asked as the role that a transaction has taken, so that row-level security holds there, too. Citus
-- opens those connections itself: the roles must be allowed to log in, by a password or certificate in pg_dist_authinfo.
ALTER ROLE cairn_app LOGIN;
ALTER ROLE cairn_admin LOGIN;
ALTER ROLE cairn_keyword LOGIN;

-- A transaction's settings, the tenant among them, are passed on to each worker that it touches. Keyword search calls
-- a function on the tenant's worker that reads the same tenant's documents there: one query within another.
DO $$
BEGIN
  EXECUTE format('ALTER DATABASE %I SET citus.propagate_set_commands = local', current_database());
  EXECUTE format('ALTER DATABASE %I SET citus.allow_nested_distributed_execution = on', current_database());
END
$$;

-- Citus refuses policies with a subquery. The bare expression says the same, once a row instead of once a statement.
DO $$
DECLARE
  policy record;
  own constant text := '(tenant_id = nullif(current_setting(''cairn.tenant_id'', true), '''')::uuid)';
BEGIN
  FOR policy IN SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'cairn' AND qual LIKE '%SELECT%' LOOP
    EXECUTE format('ALTER POLICY %I ON cairn.%I USING %s WITH CHECK %s', policy.policyname, policy.tablename, own, own);
  END LOOP;
END
$$;

-- Citus distributes no table with a trigger. This one is for services of an earlier version, of which none serves here.
DROP TRIGGER documents_forget_bits ON cairn.documents;

-- On every node: small, and referred to by the distributed tables.
SELECT create_reference_table('cairn.tenants');

-- A foreign key needs both its tables distributed, or neither: taken off, and put back below.
ALTER TABLE cairn.documents DROP CONSTRAINT documents_tenant_id_collection_id_fkey;
ALTER TABLE cairn.collection_indexes DROP CONSTRAINT collection_indexes_tenant_id_collection_id_fkey;

-- A tenant's rows of all of these lie in shards of one node, so that no query, foreign key or transaction of a tenant
-- leaves it. The partitions of documents are distributed with it.
SELECT create_distributed_table('cairn.collections', 'tenant_id', shard_count => 32);
SELECT create_distributed_table('cairn.documents', 'tenant_id', colocate_with => 'cairn.collections');
SELECT create_distributed_table('cairn.collection_indexes', 'tenant_id', colocate_with => 'cairn.collections');
SELECT create_distributed_table('cairn.embedding_cache', 'tenant_id', colocate_with => 'cairn.collections');
SELECT create_distributed_table('cairn.embedding_usage', 'tenant_id', colocate_with => 'cairn.collections');
SELECT create_distributed_table('cairn.idempotency_keys', 'tenant_id', colocate_with => 'cairn.collections');
SELECT create_distributed_table('cairn.tombstones', 'tenant_id', colocate_with => 'cairn.collections');

ALTER TABLE cairn.documents ADD CONSTRAINT documents_tenant_id_collection_id_fkey
  FOREIGN KEY (tenant_id, collection_id) REFERENCES cairn.collections ON DELETE CASCADE;
ALTER TABLE cairn.collection_indexes ADD CONSTRAINT collection_indexes_tenant_id_collection_id_fkey
  FOREIGN KEY (tenant_id, collection_id) REFERENCES cairn.collections ON DELETE CASCADE;

-- What is left stays on the coordinator: keys (looked up before a tenant is known) and jobs, both of which the operator
-- has without a tenant; the migration ledger; the leases.
