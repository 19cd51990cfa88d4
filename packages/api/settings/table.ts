import {
  atLeast,
  choice,
  GROUPED_URL,
  HTTP_URL,
  integer,
  LIST,
  MODEL,
  POSTGRES_URL,
  SWITCH,
  settingTable,
  text,
  usedBy,
} from "./setting.ts";

const cairn = usedBy("cairn");
const cairnCloud = usedBy("cairn", "cloud");
const serve = usedBy("serve");
/** Used by `cairn serve` and the functions. */
const both = usedBy("serve", "cloud");
const cloud = usedBy("cloud");

/**
 * Every setting of the command line, of `cairn serve` and of the functions, in the order of the help. Options, schemas, the
 * variables of infra/ and docs/configuration.md are derived from it.
 */
export const SETTINGS = settingTable({
  // The database, the embedding models, and the service that the command line calls.
  databaseUrl: cairnCloud("address of the PostgreSQL server", {
    ...text("url"),
    variable: "DATABASE_URL",
    secret: "DatabaseUrl",
    defaultText: "the embedded database",
    cloud: { type: POSTGRES_URL, required: true },
  }),
  databaseDirectUrl: cairnCloud("direct address of the server, without a pooler, for index builds", {
    ...text("url"),
    variable: "DATABASE_DIRECT_URL",
    secret: "DatabaseDirectUrl",
    cloud: { type: POSTGRES_URL },
  }),
  directory: cairn("folder of the embedded database", { ...text("path"), default: ".cairn" }),
  openaiApiKey: cairnCloud("API key for embedding texts", {
    ...text("key"),
    variable: "OPENAI_API_KEY",
    secret: "OpenAiApiKey",
    remark: "safer as an environment variable",
  }),
  openaiBaseUrl: cairnCloud("address of another OpenAI-compatible server", {
    ...HTTP_URL,
    variable: "OPENAI_BASE_URL",
  }),
  embeddingModel: cairnCloud("embedding model of new collections", MODEL),
  embeddingDimensions: cairnCloud("dimensions of the embedding model", integer(1, 16_000)),
  embeddingMaxInputs: cairnCloud("maximum number of texts in a request to the model's server", {
    ...integer(1, 2_048, 2_048),
  }),
  embeddingMaxTokens: cairnCloud("maximum number of tokens that the model reads of a text", {
    ...integer(16, 1_000_000, 8_192),
  }),
  localUrl: cairn("address of an OpenAI-compatible server for local/… models: Ollama, TEI, vLLM", HTTP_URL),
  localModels: cairn("folder with local/… models for @huggingface/transformers", text("path")),
  rerankFormat: cairnCloud("format of the requests to the rerank server", {
    ...choice("cohere", "jina", "voyage", "tei"),
    value: "format",
    defaultText: "none; a search with `rerank` responds with 503",
  }),
  rerankUrl: cairnCloud("complete address that rerank requests are sent to", {
    ...HTTP_URL,
    defaultText: "that of Cohere, Jina or Voyage; `tei` has none",
  }),
  rerankApiKey: cairnCloud("API key of the rerank server", {
    ...text("key"),
    secret: "RerankApiKey",
    remark: "safer as an environment variable",
  }),
  rerankModel: cairnCloud("rerank model of a search that names none", {
    ...text("name", "none; the search must name one, except with `tei`"),
  }),
  rerankTimeout: cairnCloud("time limit of reranking in a search, in milliseconds", {
    ...integer(50, 20_000, 2_000),
    value: "ms",
  }),
  rerankConcurrency: cairnCloud("maximum number of concurrent rerank requests of a tenant", integer(1, 1_000, 4)),
  url: cairn("address of a Cairn service to use instead of a database (query and ingest only)", HTTP_URL),
  key: cairn("API key of that service", {
    ...text("key"),
    secret: true,
    remark: "safer as an environment variable",
  }),
  json: cairn("print JSON, for scripts", SWITCH),

  // The addresses that `cairn serve` listens on, and the chat model.
  host: serve("address to listen on", { ...text("address"), default: "127.0.0.1" }),
  port: serve("port to listen on", { ...integer(0, 65_535), variable: "PORT", default: 8787 }),
  privateListen: serve("private address for the API and, only there, /metrics, /docs and /openapi.json", {
    ...text("host:port", "none; --host and --port serve everything"),
  }),
  chatModel: both("chat model of /v1/chat", text("name", "none; chat responds with 503")),
  chatBaseUrl: both("OpenAI-compatible server of the chat model", {
    ...GROUPED_URL,
    defaultText: "--openai-base-url",
  }),
  chatApiKey: both("API key of that server", { ...text("key", "--openai-api-key"), secret: "ChatApiKey" }),

  // Limits of requests, responses, tenants and connections, and whose addresses and pages are accepted.
  requestsPerMinute: both("maximum number of requests of a tenant per minute", {
    ...atLeast(1, 1_200),
    option: "rate-limit",
  }),
  embeddingTokensPerDay: both("maximum number of embedding tokens of a tenant per day", {
    ...atLeast(0, "unlimited"),
    option: "embedding-budget",
    value: "tokens",
  }),
  deadline: both("time limit of a request, in milliseconds", {
    ...atLeast(100, 25_000),
    value: "ms",
    // API Gateway and the function time out soon after; the difference covers a cold start.
    cloud: { type: integer(100, 25_000).type },
  }),
  maxBody: both("maximum size of a request body, in bytes", { ...atLeast(1_000, 5_000_000), value: "bytes" }),
  maxUpload: both("maximum size of an upload of files, in bytes", { ...atLeast(1_000, 20_000_000), value: "bytes" }),
  maxResponse: both("maximum size of texts and metadata in a response, in bytes", {
    ...integer(1_000, 100_000_000, 10_000_000),
    value: "bytes",
    cloud: { default: 4_000_000 }, // encoded as JSON within JSON, they fit Lambda's limit of 6 MB
  }),
  corsOrigins: both("origins whose pages can call the API, separated by commas", LIST),
  connections: both("maximum number of database connections", {
    ...integer(1, 1_000, "10; at least 3 to divide them among tenants"),
    cloud: { default: 4 }, // an execution environment on Lambda serves one request at a time
  }),
  tenantConnections: both("maximum number of database connections of one tenant", {
    ...integer(1, 1_000, "half of --connections"),
    cloud: { default: 3 },
  }),
  tenantConcurrency: both("maximum number of concurrent requests of a tenant", integer(1, 100_000, 16)),
  tenantQueue: both("maximum number of queued requests of a tenant; more get 429", integer(0, 100_000, 256)),
  queueTimeout: both("maximum time of a request in the queue, in milliseconds", {
    ...integer(1, 600_000, 20_000),
    value: "ms",
  }),
  tenantStreams: both("maximum number of concurrent streamed responses of a tenant", integer(1, 100_000, 128)),
  unknownKeysPerMinute: both("maximum number of invalid keys that an address can try per minute", {
    ...integer(1, 100_000, 60),
    option: "unknown-keys",
  }),
  trustedProxies: serve("addresses and networks of proxies whose X-Forwarded-For is trusted, separated by commas", {
    ...LIST,
  }),
  maxConnections: serve("maximum number of concurrent client connections", {
    ...integer(1, 100_000),
    default: 1_000,
  }),

  // The token issuer, maintenance, logs, the database driver and the queues.
  jwtJwksUrl: both("key set (JWKS) of an issuer whose tokens are accepted in addition to API keys", GROUPED_URL),
  jwtIssuer: both("required issuer of the tokens", text("iss")),
  jwtAudience: both("required audience of the tokens", text("aud")),
  jwtTenantClaim: both("claim that contains the tenant's id", text("claim", "tenant_id")),
  maintenance: serve("minutes between maintenance runs (0 disables)", {
    ...integer(0, 10_000),
    value: "minutes",
    default: 60,
  }),
  logLevel: serve("log level of standard output", { ...choice("info", "error", "silent"), default: "info" }),
  databaseDriver: cloud("driver for PostgreSQL on AWS", {
    ...choice("pg", "neon"),
    defaultText: "`neon` if the address is Neon's, otherwise `pg`",
  }),
  jobsQueueUrl: cloud("queue of jobs", { ...HTTP_URL, internal: true }),
  deadJobsQueueUrl: cloud("queue of failed jobs", { ...HTTP_URL, internal: true }),
});
