// The example of Standard Webhooks: what ashd signs, and every library of it verifies.
import assert from "node:assert/strict";
import { test } from "node:test";

import { WebhookError, verifyWebhook } from "../dist/index.js";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY = '{"test": 2432232314}';
const HEADERS = {
  "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
  "webhook-timestamp": "1614265330",
  "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};
const now = new Date(1614265330_000);

test("what is signed is verified, also among other signatures", async () => {
  assert.deepEqual(await verifyWebhook(SECRET, HEADERS, BODY, { now }), { test: 2432232314 });
  const more = new Headers({ ...HEADERS, "webhook-signature": `v2,AAAA v1,AAAA ${HEADERS["webhook-signature"]}` });
  assert.deepEqual(await verifyWebhook(SECRET, more, BODY, { now }), { test: 2432232314 });
});

test("what is not signed, or was signed at another time, is refused", async () => {
  const late = new Date(now.getTime() + 301_000);
  for (const [secret, headers, body, when] of [
    ["whsec_AAAA", HEADERS, BODY, now],
    ["whsec_?", HEADERS, BODY, now],
    [SECRET, HEADERS, `${BODY} `, now],
    [SECRET, { ...HEADERS, "webhook-id": "another" }, BODY, now],
    [SECRET, { ...HEADERS, "webhook-signature": "" }, BODY, now],
    [SECRET, { ...HEADERS, "webhook-timestamp": "now" }, BODY, now],
    [SECRET, {}, BODY, now],
    [SECRET, HEADERS, BODY, late],
  ]) {
    await assert.rejects(verifyWebhook(secret, headers, body, { now: when }), WebhookError);
  }
});
