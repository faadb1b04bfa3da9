// Segment's own library for Node, unchanged, pointed at Tapline instead of at Segment.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Analytics } from "@segment/analytics-node";
import { WRITE_KEY, start } from "./stand.js";

const USER = "user_1";
const DEVICE = "f2c8a6e0-5d3b-4b9e-8f57-0c1d2e3f4a5b";
const PERSON = { userId: USER, anonymousId: DEVICE };

let stand;
beforeEach(async () => {
  stand = await start();
});
afterEach(() => stand.stop());

test("every call arrives as the record that CleverTap is to get", async () => {
  const { analytics, sent, errors } = client();
  analytics.identify({
    ...PERSON,
    traits: {
      name: "Jane Doe",
      email: "jane@example.com",
      phone: "+1 (555) 010-0000",
      gender: "Female",
      birthday: new Date("1990-05-01T00:00:00Z"),
      avatar: "https://example.com/jane.png",
      planName: "Gold",
      address: { city: "Pune" },
      tags: ["a", 1],
    },
  });
  analytics.track({
    ...PERSON,
    event: "Article Read",
    properties: { articleID: "a-1", "Word Count": 950, isFree: true, nested: { dropped: 1 }, list: [1] },
    context: { device: { token: "token_1", type: "ios" } },
  });
  analytics.track({
    ...PERSON,
    event: "Order Completed",
    properties: {
      order_id: "o-1",
      total: 42.5,
      currency: "EUR",
      products: [{ product_id: "p-1", unitPrice: 20.25 }, { product_id: "p-2", unitPrice: 2 }],
    },
  });
  analytics.page({ ...PERSON, category: "Docs", name: "Setup", properties: { url: "https://example.com/docs" } });
  analytics.screen({ ...PERSON, name: "Cart", properties: { itemCount: 2 } });
  analytics.alias({ userId: USER, previousId: DEVICE });
  analytics.group({ ...PERSON, groupId: "group_1", traits: { name: "Example Ltd" } });
  await analytics.closeAndFlush();
  assert.deepEqual(errors, []);
  assert.equal(sent.length, 7);

  const { records, ...ends } = await stand.settled();
  assert.deepEqual(ends, { accepted: 7, delivered: 5, filtered: 2, failed: 0, dead: 0 });
  const track = { type: "event", identity: USER };
  assertRecords(records, sent, [
    {
      type: "profile",
      objectId: DEVICE,
      profileData: {
        identity: USER,
        Name: "Jane Doe",
        Email: "jane@example.com",
        Phone: "+15550100000",
        Gender: "F",
        DOB: "$D_641520000",
        Photo: "https://example.com/jane.png",
        plan_name: "Gold",
        address_city: "Pune",
        tags: '["a",1]',
      },
    },
    { ...track, evtName: "Article Read", evtData: { article_id: "a-1", word_count: 950, is_free: true } },
    { type: "token", objectId: DEVICE, tokenData: { id: "token_1", type: "apns" } },
    {
      ...track,
      evtName: "Charged",
      evtData: {
        "Charged ID": "o-1",
        Amount: 42.5,
        Items: [{ product_id: "p-1", unit_price: 20.25 }, { product_id: "p-2", unit_price: 2 }],
        total: 42.5,
        currency: "EUR",
      },
    },
    {
      ...track,
      evtName: "Web Page Viewed",
      evtData: { url: "https://example.com/docs", category: "Docs", name: "Setup" },
    },
    { ...track, evtName: "App Screen Viewed", evtData: { item_count: 2, name: "Cart" } },
  ]);
});

test("many calls in several batches arrive once each", async () => {
  const { analytics, sent, errors } = client({ flushAt: 7 });
  const steps = Array.from({ length: 100 }, (_, step) => step);
  for (const step of steps) {
    analytics.track({ ...PERSON, event: "Step Taken", properties: { step } });
  }
  await analytics.flush();
  await analytics.closeAndFlush();
  assert.deepEqual(errors, []);
  assert.equal(sent.length, steps.length);

  const { records, delivered } = await stand.settled();
  assert.equal(delivered, steps.length);
  // Batches go out side by side, so their order is not the sender's to say.
  assert.deepEqual(records.map((record) => record.evtData.step).toSorted((a, b) => a - b), steps);
});

test("a call that is sent twice with one messageId arrives once", async () => {
  const { analytics, errors } = client({ flushAt: 1 });
  for (let i = 0; i < 2; i += 1) {
    analytics.track({ ...PERSON, messageId: "message_1", event: "Step Taken" });
    await analytics.flush();
  }
  await analytics.closeAndFlush();
  assert.deepEqual(errors, []);
  assert.equal((await stand.settled()).records.length, 1);
});

test("a wrong write key reaches the sender as an error and CleverTap as nothing", async () => {
  const { analytics, sent, errors } = client({ writeKey: "another_key" });
  analytics.track({ ...PERSON, event: "Step Taken" });
  await analytics.closeAndFlush();
  assert.deepEqual(sent, []);
  assert.equal(errors.length, 1);
  assert.equal(errors[0].code, "delivery_failure");
  assert.match(errors[0].reason.message, /^\[401\]/);
  const { records, accepted } = await stand.settled();
  assert.deepEqual({ records, accepted }, { records: [], accepted: 0 });
});

/** A client of Segment's, the calls that it reports as delivered, as it sent them, and the errors that it reports. */
const client = (settings = {}) => {
  const analytics = new Analytics({ writeKey: WRITE_KEY, host: stand.url, maxRetries: 0, ...settings });
  const sent = [];
  const errors = [];
  for (const kind of ["identify", "track", "page", "screen", "alias", "group"]) {
    analytics.on(kind, (context) => sent.push(context.event));
  }
  analytics.on("error", (error) => errors.push(error));
  return { analytics, sent, errors };
};

/** Every record as expected, in order, and at the time at which the library says the calls were made. */
const assertRecords = (records, sent, expected) => {
  const untimed = records.map(({ ts, ...record }) => record);
  assert.deepEqual(untimed, expected);
  const times = sent.map((call) => call.timestamp.getTime());
  for (const record of records.filter(({ type }) => type !== "token")) {
    // The clocks of both ends are compared by Tapline; on one machine they differ by the time on the way.
    assert.ok(record.ts >= Math.floor(Math.min(...times) / 1000), `${record.ts} is before the call`);
    assert.ok(record.ts <= Math.floor(Math.max(...times) / 1000) + 5, `${record.ts} is after the call`);
  }
};
