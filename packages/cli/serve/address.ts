import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import { AppError } from "@cairn/core/error.ts";

/**
 * Reads where a request comes from: the socket's address, or, behind a proxy that is trusted, what it says in
 * X-Forwarded-For. Of that the last address counts that no trusted proxy has: what stands before it the client may have made up.
 * Throws `invalid_input` for a list that cannot be read.
 */
export function createAddressReader(
  trustedProxies = "",
): (incoming: Pick<IncomingMessage, "socket" | "headers">) => string | undefined {
  const isTrusted = readProxies(trustedProxies);
  return ({ socket, headers }) => {
    let address = bare(socket.remoteAddress);
    const forwarded = [headers["x-forwarded-for"] ?? []].flat().join(",").split(",");
    while (address !== undefined && isTrusted(address)) {
      const before = bare(forwarded.pop());
      if (before === undefined) return address;
      address = before;
    }
    return address;
  };
}

function readProxies(list: string): (address: string) => boolean {
  const trusted = new BlockList();
  for (const entry of list.split(/[\s,]+/).filter(Boolean)) {
    const [address = "", bits] = entry.split("/");
    const version = isIP(address);
    const prefix = bits === undefined ? undefined : Number(bits);
    const most = version === 6 ? 128 : 32;
    if (!version || (prefix !== undefined && !(Number.isInteger(prefix) && prefix >= 0 && prefix <= most)))
      throw new AppError(
        "invalid_input",
        `${JSON.stringify(entry)} is no address and no network, as in 10.0.0.0/8. Give --trusted-proxies (CAIRN_TRUSTED_PROXIES) a list of those.`,
        { path: "--trusted-proxies" },
      );
    const family = version === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, prefix, family);
  }
  return (address) => trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** An address without a port and without the prefix of an IPv4 address within IPv6; undefined for anything else. */
function bare(text: string | undefined): string | undefined {
  const address = text
    ?.trim()
    .replace(/^\[(.*)\](:\d+)?$/, "$1")
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1")
    .replace(/^::ffff:(?=\d+\.)/i, "");
  return address !== undefined && isIP(address) ? address : undefined;
}
