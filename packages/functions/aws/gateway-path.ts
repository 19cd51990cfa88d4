/**
 * The URL path of a path from API Gateway's HTTP APIs, which pass `rawPath` decoded. Each segment is encoded again, so
 * that an id with `#` or `%` stays the requested id. An encoded `/` in an id cannot be distinguished from a separator.
 * A segment `..` would lead to another route, encoded or not, so it is double-encoded and matches nothing.
 */
export function encodeGatewayPath(decoded: string): string {
  return decoded
    .split("/")
    .map((segment) =>
      /^\.\.?$/.test(segment) ? segment.replaceAll(".", "%252E") : encodeURIComponent(segment.toWellFormed()),
    )
    .join("/");
}
