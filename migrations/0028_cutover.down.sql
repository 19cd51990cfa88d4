DROP TABLE cairn.cutover_disagreements, cairn.cutover_requests, cairn.cutover_findings, cairn.cutover_events,
  cairn.cutover_leases, cairn.cutover_collections, cairn.cutover_tenants, cairn.changes;
DROP SEQUENCE cairn.change_sequence;
ALTER TABLE cairn.collections DROP COLUMN replication;
