// Starts the real binary on loopback, on ports the system chooses, with a data directory of its own.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const BINARY = process.env.TAPLINE_BIN ?? join(ROOT, "target/release/tapline");
const PATIENCE = 30_000;

// Nothing of the machine's own configuration may leak into the test.
const environment = (variables) => ({ PATH: process.env.PATH, HOME: process.env.HOME, ...variables });

/** Starts `tapline` with `args` and waits until it has said where it listens. */
const start = async (args, variables = {}) => {
  const child = spawn(BINARY, args, { cwd: ROOT, env: environment(variables), stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  const address = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no address after ${PATIENCE} ms: ${said}`)), PATIENCE);
    const settle = (settled) => (value) => { clearTimeout(late); settled(value); };
    child.once("error", settle(reject));
    child.once("exit", settle(() => reject(new Error(`${BINARY} ${args[0]} ended: ${said}`))));
    child.stderr.on("data", (chunk) => {
      said += chunk;
      // The link of the first start comes after the address, in the same breath.
      const found = said.match(/listens on (http:\/\/[\d.]+:\d+)/);
      if (found && said.endsWith("\n")) settle(resolve)(found[1]);
    });
  });
  const stop = () => new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.once("exit", resolve);
    child.kill("SIGTERM");
  });
  return { address, said: () => said, stop };
};

/** The stand-in for CleverTap. */
export const startSimulator = async (...args) => {
  const simulator = await start(["simulator", "--listen", "127.0.0.1:0", ...args]);
  const received = async () => (await fetch(`${simulator.address}/received`)).json();
  return { ...simulator, received };
};

/** The product. `setupLink` is there as long as nobody has an account. */
export const startTapline = async (variables = {}) => {
  const data = await mkdtemp(join(tmpdir(), "tapline-browser-"));
  const args = (listen) => ["serve", "--listen", listen, "--data", data, "--print-setup-link"];
  let server = await start(args("127.0.0.1:0"), variables);
  const { address, said } = server;
  const send = (path, body, writeKey) => fetch(`${address}${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Basic ${btoa(`${writeKey}:`)}` },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const stop = async () => {
    await server.stop();
    await rm(data, { recursive: true, force: true });
  };
  /** Stops it and starts it again at the same address. */
  const restart = async () => {
    await server.stop();
    server = await start(args(address.replace("http://", "")), variables);
  };
  return { address, said, stop, restart, send, setupLink: said().match(/http:\S+\/setup#\S+/)?.[0] };
};
