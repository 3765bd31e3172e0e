// What runs in the browser: the client as it is published. It is told what to do by the address of
// its page, and tells the test what came of it.
import { Ash } from "./dist/index.js";

const asked = new URL(location.href).searchParams;
const tell = (what, body) => fetch(what, { method: "POST", body: JSON.stringify(body) });

async function run() {
  const patienceSeconds = Number(asked.get("patience"));
  const ash = new Ash({ url: asked.get("api"), apiKey: asked.get("key"), patienceSeconds });
  const session = await ash.createSession({ agent: "tester" });
  const told = { session: session.id, isSecureContext, events: [] };
  for await (const event of session.send(asked.get("content"), { includePartialMessages: true })) {
    told.events.push(event);
    // The test lets go on what it holds when the stream has begun.
    if (event.event === "text_delta" && !told.begun) told.begun = await tell("begun", {}).then(() => true);
  }
  told.said = await session.say("[[say:after]]");
  const broken = await ash.call("getAgent", { path: { name: "nobody" } }).catch((error) => error);
  told.refusal = { name: broken.name, status: broken.status, code: broken.code, hint: broken.hint };
  return told;
}

await tell("told", await run().catch((error) => ({ failed: `${error.name}: ${error.message}` })));
