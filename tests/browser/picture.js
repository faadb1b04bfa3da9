// Takes the README's picture: one delivered event in the real console.

import { fileURLToPath } from "node:url";
import { PASSWORD, launch, open, reloadUntil, signIn } from "./support/browser.js";
import { order } from "./support/event.js";
import { startSimulator, startTapline } from "./support/server.js";

const simulator = await startSimulator();
const tapline = await startTapline({
  TAPLINE_ADMIN_PASSWORD: PASSWORD,
  TAPLINE_WRITE_KEY: "write_key_1",
  TAPLINE_ACCOUNT_ID: "TEST-123-4XYZ",
  TAPLINE_PASSCODE: "passcode-of-the-test",
  TAPLINE_CLEVERTAP_URL: simulator.address,
});
const browser = await launch();
const { page } = await open(browser, { viewport: { width: 1280, height: 1180 }, colorScheme: "light", deviceScaleFactor: 1 });
await tapline.send("/v1/track", order("message-1"), "write_key_1");
await signIn(page, tapline.address);
await page.goto(`${tapline.address}/events/ev_0`);
await reloadUntil(page, "Delivered");
await page.screenshot({ path: fileURLToPath(new URL("pictures/event.png", import.meta.url)) });
await Promise.all([browser.close(), tapline.stop(), simulator.stop()]);
