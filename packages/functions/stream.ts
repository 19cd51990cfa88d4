import { Hono } from "hono";
import { streamHandle } from "hono/aws-lambda";
import { openService } from "./service.ts";

// Built when the function is loaded, as the runtime asks for a streaming handler then; opened by the first request.
const late = new Hono().all("*", async (c) => (await openService()).app.fetch(c.req.raw, c.env));

/** The API behind a function URL that streams: chat and jobs as events. HTTP APIs do not stream. */
export const handler = streamHandle(late);
