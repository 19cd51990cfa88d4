-- Questions whose answers were judged, and how well variants of a search answered them.
CREATE TABLE cairn.evaluation_sets (
  tenant_id   uuid NOT NULL REFERENCES cairn.tenants ON DELETE CASCADE,
  id          uuid NOT NULL DEFAULT gen_random_uuid(),
  name        text NOT NULL CHECK (name <> ''),
  questions   jsonb NOT NULL,                -- list of {id, question, relevant: {document: grade}, filter}
  question_count int NOT NULL,
  fingerprint text NOT NULL,                 -- SHA-256 of the questions: only runs of the same questions are compared
  settings    jsonb NOT NULL DEFAULT '{}',   -- variants, cutoff, every_hours, max_drop; only values that differ from the defaults
  due_at      timestamptz,                   -- when the schedule runs it next; null: it has no schedule
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, name)
);

-- Results of a set: metrics and ids of documents, never their texts.
CREATE TABLE cairn.evaluation_runs (
  tenant_id   uuid NOT NULL REFERENCES cairn.tenants ON DELETE CASCADE,
  id          uuid NOT NULL DEFAULT gen_random_uuid(),
  set_id      uuid NOT NULL,
  fingerprint text NOT NULL,                 -- of the questions that were asked
  started_by  text NOT NULL CHECK (started_by IN ('request', 'schedule', 'gate')),
  summary     jsonb NOT NULL,                -- variants with totals and differences
  scores      jsonb NOT NULL,                -- for each variant and question: scores, milliseconds, ids of the results
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX evaluation_runs_set ON cairn.evaluation_runs (tenant_id, set_id, created_at);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['evaluation_sets', 'evaluation_runs'] LOOP
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON cairn.%I TO cairn_app', name);
    EXECUTE format('ALTER TABLE cairn.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format($policy$CREATE POLICY %I ON cairn.%I TO cairn_app
      USING (tenant_id = (SELECT nullif(current_setting('cairn.tenant_id', true), '')::uuid))
      WITH CHECK (tenant_id = (SELECT nullif(current_setting('cairn.tenant_id', true), '')::uuid))$policy$,
      'tenant_owns_' || name, name);
  END LOOP;
END
$$;
