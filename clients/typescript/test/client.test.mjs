// The client against a real ashd with simulated sandboxes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Ash, AshConnectionError, AshError, readEvents } from "../dist/index.js";
import { Daemon, KEY } from "./daemon.mjs";

let daemon;
let ash;

before(async () => {
  daemon = await Daemon.start();
  ash = new Ash({ url: daemon.url, apiKey: KEY });
  await ash.deploy("tester", { "CLAUDE.md": "You are a test. \u{1f600}" });
});
after(() => daemon.stop());

const collect = async (events) => {
  const all = [];
  for await (const event of events) all.push(event);
  return all;
};

test("a session is created, spoken with, and ended", async () => {
  const session = await ash.createSession({ agent: "tester" });
  assert.equal(await session.say("[[say:hello]]"), "hello");
  assert.equal((await session.get()).agentName, "tester");
  const { messages } = await ash.call("listMessages", { path: { id: session.id } });
  assert.ok(messages.length >= 2);
  assert.equal((await session.end()).status, "ended");
});

test("deltas make the text, and tools come with their results", async () => {
  const session = await ash.createSession({ agent: "tester" });
  const turn = session.send("[[chunks:4:5]][[say:one two three four]]", { includePartialMessages: true });
  let text = "";
  for await (const delta of turn.deltas()) text += delta;
  assert.equal(text, "one two three four");
  const tools = await collect(session.send('[[tool:Bash:{"command":"true"}]][[say:done]]').tools());
  assert.equal(tools.length, 1);
  assert.equal(tools[0].name, "Bash");
  assert.deepEqual(tools[0].input, { command: "true" });
});

test("each request names the span that it is a part of, and a message may name its own", async () => {
  const seen = [];
  const noting = (url, request) => {
    seen.push(request.headers.traceparent);
    return fetch(url, request);
  };
  const spans = ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"];
  const traced = new Ash({ url: daemon.url, apiKey: KEY, fetch: noting, traceparent: () => spans.pop() });
  await traced.agents();
  await traced.agents();
  const own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-01";
  const session = await traced.createSession({ agent: "tester" });
  await session.send("[[say:hi]]", { traceparent: own }).text();
  assert.deepEqual(seen, ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", undefined, undefined, own]);
  await session.end();
});

test("an error has its code, its field and its hint", async () => {
  await assert.rejects(ash.createSession({ agent: "nobody" }), (error) => {
    assert.ok(error instanceof AshError);
    assert.deepEqual([error.status, error.code, error.field], [404, "agent_not_found", "agent"]);
    assert.ok(error.hint);
    return true;
  });
  const stranger = new Ash({ url: daemon.url, apiKey: "ash_wrong" });
  await assert.rejects(stranger.agents(), { code: "unauthorized" });
  const session = await ash.createSession({ agent: "tester" });
  await session.end();
  await assert.rejects(session.say("x"), { code: "session_state" });
});

test("a server that is not there is told after the patience", async () => {
  const nobody = new Ash({ url: "http://127.0.0.1:1", apiKey: KEY, patienceSeconds: 0.5 });
  await assert.rejects(nobody.agents(), AshConnectionError);
});

test("a connection that breaks is taken up again, and no event comes twice or is missed", async () => {
  let broken = 0;
  // Every second chunk of an answer is the last one of its connection.
  const breaking = async (url, request) => {
    const response = await fetch(url, request);
    if (!response.headers.get("content-type")?.includes("event-stream")) return response;
    let chunks = 0;
    const cut = new TransformStream({
      transform(chunk, controller) {
        controller.enqueue(chunk);
        chunks += 1;
        if (chunks === 2 && broken < 5) {
          broken += 1;
          controller.error(new TypeError("the connection broke"));
        }
      },
    });
    return new Response(response.body.pipeThrough(cut), { status: response.status, headers: response.headers });
  };
  const fragile = new Ash({ url: daemon.url, apiKey: KEY, fetch: breaking });
  const session = await fragile.createSession({ agent: "tester" });
  const text = "[[chunks:40:20]][[say:a text that comes in very many small pieces of a few letters each]]";
  const events = await collect(session.send(text, { includePartialMessages: true }));
  assert.equal(broken, 5);
  const ids = events.map((event) => event.id);
  assert.deepEqual(ids, [...new Set(ids)].sort((a, b) => a - b));
  assert.deepEqual(events, await log(session));
  const { turns } = await ash.call("listQueue", { path: { id: session.id } });
  assert.deepEqual(turns, []);
});

// What the server has of the first turn of a session.
async function log(session) {
  const query = { after: 0, until: "done", includePartialMessages: true };
  const response = await ash.fetch("streamSession", { path: { id: session.id }, query });
  return (await collect(readEvents(response.body))).filter((event) => event.event !== "user_message");
}

test("a killed and restarted ashd ends the turn once, and the session goes on", async () => {
  const session = await ash.createSession({ agent: "tester" });
  const events = [];
  for await (const event of session.send("[[say:before]][[hang]]", { includePartialMessages: true })) {
    events.push(event);
    if (event.event === "text_delta" && !events.killed) {
      events.killed = true;
      await daemon.kill();
      setTimeout(() => daemon.serve(), 300);
    }
  }
  const ids = events.map((event) => event.id);
  assert.deepEqual(ids, [...new Set(ids)].sort((a, b) => a - b));
  assert.equal(events.at(-1).event, "done");
  assert.equal(events.filter((event) => event.event === "done").length, 1);
  assert.equal(events.find((event) => event.event === "error").data.code, "interrupted");
  assert.deepEqual([...events], await log(session));
  assert.equal(await session.say("[[say:after]]"), "after");
});

test("a creation waits for a server that restarts, and is done once", async () => {
  const before = (await collect(ash.sessions())).length;
  await daemon.kill();
  setTimeout(() => daemon.serve(), 500);
  const session = await ash.createSession({ agent: "tester" });
  assert.equal(await session.say("[[say:there]]"), "there");
  assert.equal((await collect(ash.sessions())).length, before + 1);
});

test("a file is written and read, and a stream is left", async () => {
  const session = await ash.createSession({ agent: "tester" });
  await session.writeFile("notes/a b.txt", "text");
  assert.equal(await session.readFile("notes/a b.txt"), "text");
  for await (const event of session.send("[[hang]]")) {
    if (event.event === "session_start") break;
  }
  assert.ok((await session.interrupt()).turnId);
});
