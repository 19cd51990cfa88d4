import { expect, test } from "vitest";
import { checkRedirect } from "./redirect.ts";

const BASE = "http://chroma.test:8000/db";
const URL_ = `${BASE}/api/v2/heartbeat`;

test.each([
  ["https://chroma.test/db/api/v2/heartbeat", "https://chroma.test/db"],
  ["https://chroma.test:8443/db/api/v2/heartbeat", "https://chroma.test:8443/db"],
  ["/db/api/v2/heartbeat/", BASE],
  ["/other/api/v2/heartbeat", "http://chroma.test:8000/other"],
  ["//CHROMA.test:8000/db/api/v2/heartbeat", BASE],
])("a redirect to %s is followed", (location, base) => {
  expect(checkRedirect(URL_, BASE, location)).toMatchObject({ follow: true, base });
});

test.each([
  ["https://elsewhere.test/db/api/v2/heartbeat", /another host/],
  ["https://chroma.test.evil.test/db/api/v2/heartbeat", /another host/],
  ["https://chroma.test@evil.test/db/api/v2/heartbeat", /another host/],
  ["http://chroma.test:9000/db/api/v2/heartbeat", /another port/],
  ["/login?next=/api/v2/heartbeat", /login page/],
  ["ftp://chroma.test/db/api/v2/heartbeat", /plain http|another/],
  ["http://[", /no valid address/],
  [undefined, /no valid address/],
])("a redirect to %s is not followed, and the reason is given", (location, why) => {
  expect(checkRedirect(URL_, BASE, location)).toMatchObject({
    follow: false,
    reason: expect.stringMatching(why),
  });
});

test("a redirect from https to http is not followed", () => {
  const base = "https://chroma.test";
  expect(checkRedirect(`${base}/api/v2/heartbeat`, base, "http://chroma.test/api/v2/heartbeat")).toMatchObject({
    follow: false,
  });
});

test("credentials in the address of a redirect are not shown", () => {
  const redirect = checkRedirect(URL_, BASE, "https://user:secret@elsewhere.test/");
  expect(JSON.stringify(redirect)).not.toContain("secret");
});
