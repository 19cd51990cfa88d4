import { streamHandle } from "hono/aws-lambda";
import { lazyApp } from "../lazy-app.ts";

/** The API behind a streaming function URL, for chat and job events. API Gateway's HTTP APIs do not stream. */
export const handler = streamHandle(lazyApp(10_000));
