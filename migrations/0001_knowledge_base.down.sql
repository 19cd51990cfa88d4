-- The roles stay: they belong to the cluster, and another of its databases may use them.
DROP TABLE cairn.embedding_cache, cairn.documents, cairn.collections, cairn.tenants;
REVOKE USAGE ON SCHEMA cairn FROM cairn_app, cairn_admin;
