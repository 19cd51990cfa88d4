import { propagation, SpanStatusCode, trace } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { expect, test } from "vitest";
import { createTestApi } from "../../../test/support/api.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { openStream, question, useImpatientChat } from "../../../test/support/telemetry.ts";

const CANARY = "canary-9b1f3c";

const testDatabase = useTestDatabase();
const { chat, chatModel } = useImpatientChat();

test("a request is a span with its route and without its URL", async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  trace.setGlobalTracerProvider(provider);
  try {
    const api = await createTestApi(testDatabase.database);
    const { key } = await api.addTenant();
    await api.call("GET", `/v1/documents/${CANARY}?collection=${CANARY}`, { key });
    const [span] = exporter.getFinishedSpans();
    expect(span?.name).toContain("/v1/documents/:document");
    expect(span?.attributes["http.response.status_code"]).toBe(404);
    expect(JSON.stringify(span?.attributes)).not.toMatch(new RegExp(key));
    expect(JSON.stringify(span?.attributes)).not.toContain(CANARY);
  } finally {
    await provider.shutdown();
    trace.disable();
  }
});

test("the span of a request continues the trace of the caller", async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  trace.setGlobalTracerProvider(provider);
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  try {
    const api = await createTestApi(testDatabase.database);
    const [traceId, spanId] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"];
    await api.call("GET", "/health", { headers: { traceparent: `00-${traceId}-${spanId}-01` } });
    await api.call("GET", "/health");
    const [span, other] = exporter.getFinishedSpans();
    expect(span?.spanContext().traceId).toBe(traceId);
    expect(span?.parentSpanContext?.spanId).toBe(spanId);
    expect(other?.spanContext().traceId).not.toBe(traceId);
    expect(other?.parentSpanContext).toBeUndefined();
  } finally {
    await provider.shutdown();
    propagation.disable();
    trace.disable();
  }
});

test("the span of a streamed response ends with the stream and has its error status", async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  trace.setGlobalTracerProvider(provider);
  try {
    const api = await createTestApi(testDatabase.database, { chatModel: chatModel() });
    const { key } = await api.addTenant();
    await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "words" }] } });
    exporter.reset();
    chat.script({ kind: "hang", after: ["So"] });
    const stream = await openStream(api, key, question("words", true));
    await stream.read();
    expect(exporter.getFinishedSpans()).toEqual([]);
    await stream.rest();
    const [span] = exporter.getFinishedSpans();
    expect(span?.attributes).toMatchObject({ "http.route": "/v1/chat", "http.response.status_code": 200 });
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
  } finally {
    await provider.shutdown();
    trace.disable();
  }
});
