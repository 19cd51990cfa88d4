-- What is deleted leaves the copies of its collection and the cache of embeddings as well.

-- The collection that one being filled by another model is filled from: what is deleted there is deleted here.
ALTER TABLE cairn.collections ADD COLUMN filled_from uuid;
ALTER TABLE cairn.collections NO FORCE ROW LEVEL SECURITY; -- or its owner would see and change nothing
UPDATE cairn.collections AS draft SET filled_from = source.id
FROM cairn.collections AS source
WHERE draft.replaced_by = draft.id AND source.tenant_id = draft.tenant_id AND source.id <> draft.id
  AND draft.name = left(source.name, 200) || ' (by ' || coalesce(draft.embedding_model, 'an unknown model') || ')';
ALTER TABLE cairn.collections FORCE ROW LEVEL SECURITY;

-- A vector is found by its text's hash alone when the text is deleted, and by when it was used last otherwise.
ALTER TABLE cairn.embedding_cache ADD COLUMN used_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX embedding_cache_content ON cairn.embedding_cache (tenant_id, content_hash);
CREATE INDEX embedding_cache_used ON cairn.embedding_cache (tenant_id, used_at);
