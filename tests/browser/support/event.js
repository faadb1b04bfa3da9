// Events as Segment sends them, and what the console shows of one.

export const order = (messageId, total = 49.9) => ({
  type: "track",
  event: "Order Completed",
  messageId,
  userId: "user_1",
  anonymousId: "507f191e810c19729de860ea",
  timestamp: "2026-11-23T10:15:00.000Z",
  context: { device: { token: "token_1", type: "ios" }, os: { name: "iOS" } },
  properties: {
    order_id: "order_42",
    total,
    currency: "EUR",
    couponCode: "SPRING",
    products: [{ sku: "sku_1", name: "Cotton shirt", price: 19.95, quantity: 2 }],
  },
});

/** The text of a shown record, which is the record byte for byte. */
export const shownRecord = (page, number) =>
  page.locator(`h4:has-text("Record ${number}") + pre.json code`).textContent();

/** The value that the table of fields shows for a field of the first record. */
export const shownField = (page, name) =>
  page.locator("table.fields").first().getByRole("row", { name: new RegExp(`^${name} `) });
