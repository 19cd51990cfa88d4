export interface GatewayRequest {
  readonly key: string;
  /** Bytes are base64-encoded. */
  readonly body?: string | Uint8Array;
  /** Whether the body is base64-encoded. */
  readonly base64?: boolean;
  readonly query?: string;
  readonly headers?: object;
  readonly cookies?: readonly string[];
  /** IP address of the caller. */
  readonly address?: string;
}

/** An event of API Gateway's HTTP API, payload format 2.0. A function URL has the same format. */
export function gatewayEvent(method: string, path: string, request: GatewayRequest) {
  const {
    key,
    body,
    base64 = typeof body === "object",
    query = "",
    headers = {},
    cookies,
    address = "192.0.2.1",
  } = request;
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: query,
    ...(cookies ? { cookies } : {}),
    headers: {
      host: "api.example.com",
      authorization: `Bearer ${key}`,
      ...(body ? { "content-type": "application/json" } : {}),
      ...headers,
    },
    requestContext: {
      http: { method, path, protocol: "HTTP/1.1", sourceIp: address, userAgent: "test" },
      domainName: "api.example.com",
      stage: "$default",
      requestId: "r",
      timeEpoch: 0,
    },
    body: base64 && body ? Buffer.from(body).toString("base64") : body,
    isBase64Encoded: base64,
  };
}
