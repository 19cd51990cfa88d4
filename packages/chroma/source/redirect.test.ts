import { expect, test } from "vitest";
import { judgeRedirect } from "./redirect.ts";

const BASE = "http://chroma.test:8000/db";
const URL_ = `${BASE}/api/v2/heartbeat`;

test.each([
  ["https://chroma.test/db/api/v2/heartbeat", "https://chroma.test/db"],
  ["https://chroma.test:8443/db/api/v2/heartbeat", "https://chroma.test:8443/db"],
  ["/db/api/v2/heartbeat/", BASE],
  ["/other/api/v2/heartbeat", "http://chroma.test:8000/other"],
  ["//CHROMA.test:8000/db/api/v2/heartbeat", BASE],
])("a redirect to %s is followed", (location, base) => {
  expect(judgeRedirect(URL_, BASE, location)).toMatchObject({ follow: true, base });
});

test.each([
  ["https://elsewhere.test/db/api/v2/heartbeat", /another host/],
  ["https://chroma.test.evil.test/db/api/v2/heartbeat", /another host/],
  ["https://chroma.test@evil.test/db/api/v2/heartbeat", /another host/],
  ["http://chroma.test:9000/db/api/v2/heartbeat", /another port/],
  ["/login?next=/api/v2/heartbeat", /page to log in/],
  ["ftp://chroma.test/db/api/v2/heartbeat", /plain http|another/],
  ["http://[", /no address/],
  [undefined, /no address/],
])("a redirect to %s is not followed, and the reason is said", (location, why) => {
  expect(judgeRedirect(URL_, BASE, location)).toMatchObject({
    follow: false,
    why: expect.stringMatching(why),
  });
});

test("a redirect from https to http is not followed", () => {
  const base = "https://chroma.test";
  expect(
    judgeRedirect(`${base}/api/v2/heartbeat`, base, "http://chroma.test/api/v2/heartbeat"),
  ).toMatchObject({
    follow: false,
  });
});

test("a login in the address that a redirect names is not shown", () => {
  const redirect = judgeRedirect(URL_, BASE, "https://user:secret@elsewhere.test/");
  expect(JSON.stringify(redirect)).not.toContain("secret");
});
