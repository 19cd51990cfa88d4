/**
 * A path of API Gateway's HTTP APIs as one of a URL: they hand it over decoded, though it is called raw. Each part is
 * encoded again, so that an id with a `#` or a `%` is the id that was asked for; what was an encoded `/` in an id cannot
 * be told from one between two parts. A part `..` would climb to another route, encoded or not, and names nothing.
 */
export function encodeGatewayPath(decoded: string): string {
  return decoded
    .split("/")
    .map((part) =>
      /^\.\.?$/.test(part) ? part.replaceAll(".", "%252E") : encodeURIComponent(part.toWellFormed()),
    )
    .join("/");
}
