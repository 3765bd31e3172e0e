// The client in a real browser: Chromium opens a page of another origin, which speaks with a real ashd
// whose connections are cut. `ASH_TEST_CHROMIUM` is the browser.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { connect, createServer as createRelay } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Ash, readEvents } from "../dist/index.js";
import { Daemon, KEY } from "./daemon.mjs";

// Names that the browser finds here and that are no `localhost`: plain HTTP, as in an office.
const HOME = "app.test";
const STRANGER = "other.test";
const CUTS = 4;
const CUT_AFTER_BYTES = 1_500;
const PATIENCE_MILLISECONDS = 120_000;

const FILES = {
  "/page.html": ["text/html", "page.html"],
  "/page.mjs": ["text/javascript", "page.mjs"],
};

let pages, relay, daemon, ash;
let cuts = 0;
const waiting = {};

// Serves the page and its modules, and hears what the page tells.
async function servePages() {
  pages = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://pages");
    if (request.method === "POST") {
      let body = "";
      for await (const chunk of request) body += chunk;
      await waiting[pathname]?.(JSON.parse(body));
      return response.end();
    }
    const [type, file] = FILES[pathname] ?? ["text/javascript", `..${pathname}`];
    if (!FILES[pathname] && !/^\/dist\/\w+\.js$/.test(pathname)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": type });
    response.end(readFileSync(new URL(file, import.meta.url)));
  }).listen(0, "127.0.0.1");
  await once(pages, "listening");
}

// Between the browser and ashd: it cuts connections in the middle of streams.
async function serveRelay() {
  relay = createRelay((client) => {
    const server = connect(daemon.port, "127.0.0.1");
    let streamed = -1;
    server.on("data", (bytes) => {
      client.write(bytes);
      if (streamed < 0 && bytes.includes("text/event-stream")) streamed = 0;
      if (streamed >= 0) streamed += bytes.length;
      if (streamed > CUT_AFTER_BYTES && cuts < CUTS) {
        cuts += 1;
        client.resetAndDestroy();
        server.destroy();
      }
    });
    client.on("data", (bytes) => server.write(bytes));
    for (const [one, other] of [[client, server], [server, client]]) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  }).listen(0, "127.0.0.1");
  await once(relay, "listening");
}

before(async () => {
  await servePages();
  const origin = `http://${HOME}:${pages.address().port}`;
  daemon = await Daemon.start(`[api]\norigins = ["${origin}"]\n`);
  await serveRelay();
  ash = new Ash({ url: daemon.url, apiKey: KEY });
  await ash.deploy("tester", { "CLAUDE.md": "You are a test." });
});
after(async () => {
  await daemon.stop();
  relay.close();
  pages.close();
  pages.closeAllConnections();
});

// Opens the page at a host in a browser of its own, and answers what it tells at the end.
async function open(host, content, begun = () => {}, patience = 60) {
  const profile = mkdtempSync(join(tmpdir(), "ash-chromium."));
  const query = new URLSearchParams({
    api: `http://127.0.0.1:${relay.address().port}`, key: KEY, content, patience: String(patience),
  });
  const url = `http://${host}:${pages.address().port}/page.html?${query}`;
  const browser = spawn(
    process.env.ASH_TEST_CHROMIUM,
    [
      "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
      // Root has no user namespace to make a sandbox of.
      ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
      `--host-resolver-rules=MAP ${HOME} 127.0.0.1, MAP ${STRANGER} 127.0.0.1`,
      `--user-data-dir=${profile}`, "--enable-logging=stderr", url,
    ],
    { env: { PATH: process.env.PATH, HOME: profile }, stdio: ["ignore", "ignore", "pipe"], detached: true },
  );
  let said = "";
  browser.stderr.on("data", (bytes) => (said += bytes));
  const left = once(browser, "exit");
  let timer;
  try {
    return await new Promise((told, failed) => {
      waiting["/told"] = told;
      waiting["/begun"] = begun;
      const fail = (what) => () => failed(new Error(`${what}; it said: ${said}`));
      timer = setTimeout(fail("the page tells nothing"), PATIENCE_MILLISECONDS);
      browser.on("error", failed);
      left.then(fail("the browser left"));
    });
  } finally {
    clearTimeout(timer);
    // All its processes.
    process.kill(-browser.pid, "SIGKILL");
    await left;
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  }
}

// What ashd has of the first turn of a session.
async function log(id) {
  const query = { after: 0, until: "done", includePartialMessages: true };
  const response = await ash.fetch("streamSession", { path: { id }, query });
  const events = [];
  for await (const event of readEvents(response.body)) events.push(event);
  return events.filter((event) => event.event !== "user_message");
}

function assertWhole(told, events) {
  assert.equal(told.failed, undefined);
  assert.deepEqual(told.events, events);
  assert.equal(told.events.at(-1).event, "done");
  assert.equal(told.said, "after");
}

test("a page of an allowed origin misses nothing when its connections are cut", async () => {
  const text = "a text that comes in very many small pieces of a few letters each";
  const told = await open(HOME, `[[chunks:60:20]][[say:${text}]]`);
  assert.equal(told.failed, undefined);
  assert.equal(cuts, CUTS, "the connections were cut");
  assert.equal(told.isSecureContext, false, "what only a secure context has is not needed");
  const deltas = told.events.filter((event) => event.event === "text_delta");
  assert.equal(deltas.map((event) => event.data.delta).join(""), text);
  assertWhole(told, await log(told.session));
  const { hint, ...refusal } = told.refusal;
  assert.deepEqual(refusal, { name: "AshError", status: 404, code: "agent_not_found" });
  assert.ok(hint);
});

test("a page goes on when ashd is killed and started again under its stream", async () => {
  const told = await open(HOME, "[[say:before]][[hang]]", async () => {
    await daemon.kill();
    await daemon.serve();
  });
  assertWhole(told, await log(told.session));
  assert.equal(told.events.filter((event) => event.event === "done").length, 1);
  assert.equal(told.events.find((event) => event.event === "error").data.code, "interrupted");
});

test("a page of another origin gets nothing, even with a key", async () => {
  const before = (await ash.call("listSessions", {})).sessions.length;
  const told = await open(STRANGER, "[[say:x]]", undefined, 1);
  assert.match(told.failed, /^AshConnectionError: /);
  assert.equal((await ash.call("listSessions", {})).sessions.length, before);
});
