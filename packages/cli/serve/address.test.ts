import { expect, test } from "vitest";
import { createAddressReader } from "./address.ts";

const requestFrom = (remoteAddress: string | undefined, forwarded?: string | string[]) =>
  ({ socket: { remoteAddress }, headers: { "x-forwarded-for": forwarded } }) as never;

test.each<[string, string | undefined, string | undefined, string | undefined]>([
  ["", "203.0.113.7", "198.51.100.1", "203.0.113.7"],
  ["", "::ffff:203.0.113.7", undefined, "203.0.113.7"],
  ["", undefined, "198.51.100.1", undefined],
  ["10.0.0.0/8", "10.1.2.3", "198.51.100.1", "198.51.100.1"],
  ["10.0.0.0/8", "::ffff:10.1.2.3", "198.51.100.1:4711", "198.51.100.1"],
  ["10.0.0.0/8", "203.0.113.7", "198.51.100.1", "203.0.113.7"],
  ["10.0.0.0/8", "10.1.2.3", "1.1.1.1, 198.51.100.1, 10.9.9.9", "198.51.100.1"],
  ["10.0.0.0/8", "10.1.2.3", "198.51.100.1, garbage", "10.1.2.3"],
  ["10.0.0.0/8", "10.1.2.3", undefined, "10.1.2.3"],
  ["10.1.2.3 fd00::/8", "fd00::1", "[2001:db8::1]:443", "2001:db8::1"],
])("with the proxies %j, the socket %s and X-Forwarded-For %s, the address is %s", (...parameters) => {
  const [proxies, socket, forwarded, expected] = parameters;
  expect(createAddressReader(proxies)(requestFrom(socket, forwarded))).toBe(expected);
});

test.each(["example.com", "10.0.0.0/33", "10.0.0.0/x", "fd00::/200"])(
  "the entry %s is refused, and the error names it",
  (entry) => {
    expect(() => createAddressReader(`127.0.0.1, ${entry}`)).toThrow(JSON.stringify(entry));
  },
);
