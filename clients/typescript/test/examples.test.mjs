// The examples, as a user runs them.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { Daemon, KEY } from "./daemon.mjs";

let daemon;
before(async () => {
  daemon = await Daemon.start();
});
after(() => daemon.stop());

const run = async (name, more = {}) => {
  const file = new URL(`../examples/${name}`, import.meta.url).pathname;
  const env = { ...process.env, ASH_URL: daemon.url, ASH_API_KEY: KEY, ...more };
  return (await promisify(execFile)(process.execPath, [file], { env })).stdout;
};

test("hello answers", async () => {
  assert.match(await run("hello.mjs"), /\S+\n$/);
});

test("what is asked is answered", async () => {
  const message = '[[tool:Write:{"file_path":"haiku.txt","content":"Rain"}]][[say:written]]';
  assert.equal(await run("permissions.mjs", { ASH_MESSAGE: message }), "Write: allowed\nwritten\n");
});
