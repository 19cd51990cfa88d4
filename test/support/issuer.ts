import { generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Issuer {
  /** The service's environment variables for this issuer, with `org` as the tenant claim. */
  readonly variables: Readonly<Record<string, string>>;
  /** A signed token for a tenant. Default claims: the service's audience and the scope `read`. */
  token(tenantId: string, claims?: Readonly<Record<string, unknown>>): string;
  stop(): Promise<void>;
}

/** A token issuer on loopback that publishes its public key as a JWKS. */
export async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey: key } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keys = [{ ...publicKey.export({ format: "jwk" }), kid: "one", alg: "ES256", use: "sig" }];
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const iss = "https://login.example.com/";
  const aud = "knowledge";
  return {
    variables: {
      CAIRN_JWT_JWKS_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
      CAIRN_JWT_ISSUER: iss,
      CAIRN_JWT_AUDIENCE: aud,
      CAIRN_JWT_TENANT_CLAIM: "org",
    },
    token(tenantId, claims) {
      const now = Math.floor(Date.now() / 1000);
      const all = { org: tenantId, scope: "read", sub: "u1", iss, aud, iat: now, exp: now + 300, ...claims };
      const signed = `${encode({ alg: "ES256", kid: "one" })}.${encode(all)}`;
      const signature = sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
      return `${signed}.${signature.toString("base64url")}`;
    },
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}
