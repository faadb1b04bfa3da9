// The real binary, as a server and as CleverTap's stand-in, on ports of their own. Nothing here decides whether a test
// passes.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const WRITE_KEY = "write_key_1";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const BINARY = process.env.TAPLINE_BIN ?? path.join(ROOT, "target/debug/tapline");

// Longer than anything here takes; a test that waits this long has failed.
const PATIENCE_MS = 30_000;

/** Starts both; `stop` ends both and removes the data. */
export async function start() {
  const data = await mkdtemp(path.join(tmpdir(), "tapline-sdk-"));
  const stop = [() => rm(data, { recursive: true, force: true })];
  const stopAll = async () => {
    for (const step of stop.toReversed()) await step();
  };
  try {
    const simulator = await run(["simulator", "--listen", "127.0.0.1:0"], {}, data);
    stop.push(simulator.stop);
    const tapline = await run(
      ["serve", "--listen", "127.0.0.1:0", "--data", path.join(data, "data"), "--rules", path.join(ROOT, "rules")],
      {
        TAPLINE_WRITE_KEY: WRITE_KEY,
        TAPLINE_ACCOUNT_ID: "TEST-ACCOUNT",
        TAPLINE_PASSCODE: "passcode_1",
        TAPLINE_CLEVERTAP_URL: simulator.url,
      },
      data,
    );
    stop.push(tapline.stop);
    return { url: tapline.url, settled: () => settled(tapline.url, simulator.url), stop: stopAll };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

/** One process, once it says where it listens. */
async function run(args, variables, directory) {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("TAPLINE_"));
  const child = spawn(BINARY, args, {
    cwd: directory,
    env: { ...Object.fromEntries(inherited), ...variables, NO_COLOR: "1" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  let said = "";
  const address = new Promise((resolve) => {
    child.stderr.setEncoding("utf8").on("data", (text) => {
      said += text;
      const found = /listens on (http:\S+?)[;\s]/.exec(said);
      if (found) resolve(found[1]);
    });
  });
  const silent = pause(PATIENCE_MS, undefined, { ref: false });
  const url = await Promise.race([address, ended, silent]);
  if (typeof url !== "string") {
    child.kill("SIGKILL");
    throw new Error(`tapline ${args[0]} does not listen; it said:\n${said}`);
  }
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  return { url, stop };
}

/** Waits until nothing is pending; gives what CleverTap's stand-in took and how the events ended. */
async function settled(tapline, simulator) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const text = await (await fetch(`${tapline}/metrics`)).text();
    const metric = (name) => Number(text.split("\n").find((line) => line.startsWith(`${name} `))?.split(" ")[1]);
    const ended = (state) => metric(`tapline_events_ended_total{state="${state}"}`);
    if (metric("tapline_events_pending") === 0) {
      const { records } = await (await fetch(`${simulator}/received`)).json();
      return {
        records,
        accepted: metric("tapline_events_accepted_total"),
        delivered: ended("delivered"),
        filtered: ended("filtered"),
        failed: ended("failed"),
        dead: ended("dead"),
      };
    }
    if (Date.now() > deadline) throw new Error(`events are still pending:\n${text}`);
    await pause(20);
  }
}
