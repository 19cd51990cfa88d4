// The knowledge base as a library: `import { connect, ingest, query } from "cairndb/core"`. In the repository, modules are
// imported one by one.

export { answerQuestion, type ChatAnswer, type ChatEvent, type ChatOptions, chat } from "./assistant/chat.ts";
export { changeCollection, deleteCollection } from "./collection/change.ts";
export type { Collection } from "./collection/collection.ts";
export { createCollection, ensureCollection, type NewCollection } from "./collection/create.ts";
export { getCollection, listCollections } from "./collection/get.ts";
export { type ConnectOptions, connect } from "./database/connect.ts";
export type { Database } from "./database/database.ts";
export { migrateSchema, rollbackSchema, schemaStatus } from "./database/schema-migrations.ts";
export { countDocuments } from "./document/count.ts";
export { type DeleteOptions, deleteDocuments } from "./document/delete.ts";
export type { NewDocument } from "./document/document.ts";
export { type IngestOptions, type IngestResult, ingest } from "./document/ingest.ts";
export { getDocuments, listDocuments } from "./document/list.ts";
export { updateDocuments } from "./document/update.ts";
export { createEmbedders, type EmbeddingConfig } from "./embedding/embedders.ts";
export { AppError, type ErrorCode } from "./error.ts";
export { maintainIndexes } from "./maintenance/indexes.ts";
export { collectionStats } from "./maintenance/stats.ts";
export type { Hit } from "./search/hit.ts";
export { type QueryOptions, query, queryMany } from "./search/query.ts";
export type { Services } from "./services.ts";
export { createApiKey, listApiKeys, revokeApiKey, rotateApiKey } from "./tenant/api-key.ts";
export { createTenant, deleteTenant, ensureTenant, getTenant, listTenants } from "./tenant/tenant.ts";
export { VERSION } from "./version.ts";
