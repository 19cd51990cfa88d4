import { expect, test } from "vitest";
import { readConnectionUrl } from "./connection-url.ts";

test.each([
  "postgres://user:se/cret@host:5432/db",
  "postgres://user:se#cret@host/db",
  "postgres://user:se?cret@host/db",
  "postgres://user:1/2secret@host/db",
  "postgres://user:1#2secret@host/db",
  "postgres://user:1?2secret@host/db",
  "postgres://us/er:secret@host/db",
  "postgres://user:se@secret/1@host/db",
])("an unencoded separator in a user or password is refused with the encoding, without quoting the URL: %s", (url) => {
  expect(() => readConnectionUrl(url)).toThrow(
    expect.objectContaining({
      code: "invalid_input",
      path: "databaseUrl",
      message: expect.stringMatching(/^(?!.*secret).*Percent-encode.*%2F.*%23/s),
    }),
  );
});

test.each([
  ["mysql://user:secret@host/db", /begin with postgres:/],
  ["'postgres://user:secret@host/db'", /without quotation marks/],
  ["psql postgres://user:secret@host/db", /without quotation marks or a command/],
  ["postgres://user:secret@host:port/db", /of the form postgres:/],
  ["postgres://user:secret@one:1,two:2/db", /of the form postgres:/],
  ["postgres://user:secret@host/db#part", /contains a #/],
  ["", /begin with postgres:/],
])("%j is refused without quoting it", (url, message) => {
  expect(() => readConnectionUrl(url, "databaseDirectUrl")).toThrow(
    expect.objectContaining({ path: "databaseDirectUrl", message: expect.stringMatching(message) }),
  );
  expect(() => readConnectionUrl(url)).toThrow(expect.not.stringContaining("secret"));
});

test.each([
  ["postgres://user:p%2Fw%23@host:5432/db?sslmode=require", undefined],
  ["postgresql://host/db", undefined],
  ["postgres:///db?host=/var/run/postgresql", undefined],
  [" postgres://user:p@host/db\n", "postgres://user:p@host/db"],
  ["postgres://user:100%@host/db", "postgres://user:100%25@host/db"],
  ["postgres://user:p@q@host/db", undefined],
  ["postgres://u:p@h/db?sslrootcert=system", "postgres://u:p@h/db?sslmode=verify-full"],
  ["postgres://u:p@h/db?sslmode=require&sslrootcert=system", "postgres://u:p@h/db?sslmode=verify-full"],
])("%j is read as %j", (url, expected) => {
  expect(readConnectionUrl(url)).toBe(expected ?? url);
});
