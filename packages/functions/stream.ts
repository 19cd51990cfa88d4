import { streamHandle } from "hono/aws-lambda";
import { lateApp } from "./late-app.ts";

/** The API behind a function URL that streams: chat and jobs as events. HTTP APIs do not stream. */
export const handler = streamHandle(lateApp(10_000));
