import { choice, GROUPED_URL, HTTP_URL, integer, type SettingTable, TEXT } from "./setting.ts";

/** The token issuer, maintenance, logs, the database driver and the queues. */
export const OPERATION_SETTINGS = {
  jwtJwksUrl: {
    flag: "--jwt-jwks-url <url>",
    variable: "CAIRN_JWT_JWKS_URL",
    description: "key set (JWKS) of an issuer whose tokens are accepted in addition to API keys",
    type: GROUPED_URL,
    usedBy: ["serve", "cloud"],
  },
  jwtIssuer: {
    flag: "--jwt-issuer <iss>",
    variable: "CAIRN_JWT_ISSUER",
    description: "required issuer of the tokens",
    type: TEXT,
    usedBy: ["serve", "cloud"],
  },
  jwtAudience: {
    flag: "--jwt-audience <aud>",
    variable: "CAIRN_JWT_AUDIENCE",
    description: "required audience of the tokens",
    type: TEXT,
    usedBy: ["serve", "cloud"],
  },
  jwtTenantClaim: {
    flag: "--jwt-tenant-claim <claim>",
    variable: "CAIRN_JWT_TENANT_CLAIM",
    description: "claim that contains the tenant's id",
    type: TEXT,
    defaultText: "tenant_id",
    usedBy: ["serve", "cloud"],
  },
  maintenance: {
    flag: "--maintenance <minutes>",
    variable: "CAIRN_MAINTENANCE",
    description: "minutes between maintenance runs (0 disables)",
    type: integer(0, 10_000),
    default: 60,
    usedBy: ["serve"],
  },
  logLevel: {
    flag: "--log-level <level>",
    variable: "CAIRN_LOG_LEVEL",
    description: "log level of standard output",
    type: choice("info", "error", "silent"),
    default: "info",
    usedBy: ["serve"],
  },
  databaseDriver: {
    variable: "CAIRN_DATABASE_DRIVER",
    description: "driver for PostgreSQL on AWS",
    type: choice("pg", "neon"),
    defaultText: "`neon` if the address is Neon's, otherwise `pg`",
    usedBy: ["cloud"],
  },
  jobsQueueUrl: {
    variable: "CAIRN_JOBS_QUEUE_URL",
    description: "queue of jobs",
    type: HTTP_URL,
    usedBy: ["cloud"],
    internal: true,
  },
  deadJobsQueueUrl: {
    variable: "CAIRN_DEAD_JOBS_QUEUE_URL",
    description: "queue of failed jobs",
    type: HTTP_URL,
    usedBy: ["cloud"],
    internal: true,
  },
} as const satisfies SettingTable;
