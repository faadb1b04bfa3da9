// The real binary beside CleverTap's stand-in. Nothing here decides whether a test passes.

import { setTimeout as pause } from "node:timers/promises";
import { startSimulator, startTapline } from "../../browser/support/server.js";

export const WRITE_KEY = "write_key_1";

// Longer than anything here takes; a test that waits this long has failed.
const PATIENCE = 30_000;

/** Starts both; `stop` ends both and removes the data. */
export const start = async () => {
  const simulator = await startSimulator();
  const tapline = await startTapline({
    TAPLINE_WRITE_KEY: WRITE_KEY,
    TAPLINE_ACCOUNT_ID: "TEST-ACCOUNT",
    TAPLINE_PASSCODE: "passcode_1",
    TAPLINE_CLEVERTAP_URL: simulator.address,
  }).catch(async (error) => {
    await simulator.stop();
    throw error;
  });
  const stop = async () => {
    await tapline.stop();
    await simulator.stop();
  };
  return { url: tapline.address, settled: () => settled(tapline, simulator), stop };
};

/** Waits until nothing is pending; gives what CleverTap's stand-in took and how the events ended. */
const settled = async (tapline, simulator) => {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const text = await (await fetch(`${tapline.address}/metrics`)).text();
    const metric = (name) => Number(text.split("\n").find((line) => line.startsWith(`${name} `))?.split(" ")[1]);
    const ended = (state) => metric(`tapline_events_ended{state="${state}"}`);
    if (metric("tapline_events_pending") === 0) {
      const { records } = await simulator.received();
      const [delivered, filtered, failed, dead] = ["delivered", "filtered", "failed", "dead"].map(ended);
      return { records, accepted: metric("tapline_events_accepted_total"), delivered, filtered, failed, dead };
    }
    if (Date.now() > end) throw new Error(`events are still pending:\n${text}`);
    await pause(20);
  }
};
