DROP TABLE cairn.embedding_usage;
DROP TABLE cairn.idempotency_keys;
DROP TABLE cairn.jobs;
DROP TABLE cairn.api_keys;
