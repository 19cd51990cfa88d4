import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import { AppError } from "@cairn/core/error.ts";

/**
 * Creates a function that returns the client address of a request: the socket's address, or, behind a trusted proxy, the last
 * address in X-Forwarded-For that is not a trusted proxy. A client can forge the addresses before that one.
 * Throws `invalid_input` for a list that cannot be parsed.
 */
export function createAddressReader(
  trustedProxies = "",
): (incoming: Pick<IncomingMessage, "socket" | "headers">) => string | undefined {
  const isTrusted = parseProxies(trustedProxies);
  return ({ socket, headers }) => {
    let address = parseAddress(socket.remoteAddress);
    const forwarded = [headers["x-forwarded-for"] ?? []].flat().join(",").split(",");
    while (address !== undefined && isTrusted(address)) {
      const previous = parseAddress(forwarded.pop());
      if (previous === undefined) return address;
      address = previous;
    }
    return address;
  };
}

function parseProxies(list: string): (address: string) => boolean {
  const trusted = new BlockList();
  for (const entry of list.split(/[\s,]+/).filter(Boolean)) {
    const [address = "", bits] = entry.split("/");
    const version = isIP(address);
    const prefix = bits === undefined ? undefined : Number(bits);
    const maxPrefix = version === 6 ? 128 : 32;
    if (!version || (prefix !== undefined && !(Number.isInteger(prefix) && prefix >= 0 && prefix <= maxPrefix)))
      throw new AppError(
        "invalid_input",
        `--trusted-proxies (CAIRN_TRUSTED_PROXIES) cannot be used: ${JSON.stringify(entry)} is not an IP address or a network. Set a list such as 10.0.0.0/8, 192.0.2.1.`,
        { path: "--trusted-proxies" },
      );
    const family = version === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, prefix, family);
  }
  return (address) => trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** Returns an address without its port and without the IPv6 prefix of an IPv4 address; undefined for anything else. */
function parseAddress(text: string | undefined): string | undefined {
  const address = text
    ?.trim()
    .replace(/^\[(.*)\](:\d+)?$/, "$1")
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1")
    .replace(/^::ffff:(?=\d+\.)/i, "");
  return address !== undefined && isIP(address) ? address : undefined;
}
