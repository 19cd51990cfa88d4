-- What each tenant uses, by day, and how much it stores. Both are counts; neither contains an id or a text.

-- Counts of a UTC day, which processes add up in memory and then here. A kind of tokens has the model that they were sent to.
-- stored_rows and stored_bytes are not added up: they are the last measurement of the day.
CREATE TABLE cairn.usage_days (
  tenant_id   uuid NOT NULL REFERENCES cairn.tenants ON DELETE CASCADE,
  day         date NOT NULL,
  kind        text NOT NULL,                   -- requests, searches, stored_rows, stored_bytes, embedding_tokens, …
  model       text NOT NULL DEFAULT '',        -- empty: not tokens
  n           bigint NOT NULL,
  measured_at timestamptz,                     -- of stored_rows and stored_bytes
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, day, kind, model)
);
CREATE INDEX usage_days_day ON cairn.usage_days (day);

-- Rows and bytes of a tenant that has a quota on them. A write adds what it stores in its own transaction, as its last statement,
-- so concurrent writers cannot exceed the quota together. A row exists while there is a quota.
CREATE TABLE cairn.stored_totals (
  tenant_id   uuid PRIMARY KEY REFERENCES cairn.tenants ON DELETE CASCADE,
  rows        bigint NOT NULL,
  bytes       bigint NOT NULL,
  measured_at timestamptz NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE cairn.usage_days ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
GRANT SELECT ON cairn.usage_days TO cairn_app;
CREATE POLICY tenant_reads_usage_days ON cairn.usage_days FOR SELECT TO cairn_app
  USING (tenant_id = (SELECT nullif(current_setting('cairn.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE, DELETE ON cairn.usage_days TO cairn_admin;
CREATE POLICY admin_keeps_usage_days ON cairn.usage_days TO cairn_admin USING (true) WITH CHECK (true);

ALTER TABLE cairn.stored_totals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON cairn.stored_totals TO cairn_app;
CREATE POLICY tenant_owns_stored_totals ON cairn.stored_totals TO cairn_app
  USING (tenant_id = (SELECT nullif(current_setting('cairn.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('cairn.tenant_id', true), '')::uuid));
