// Deploys an agent, talks to it, and shows the text while it is written.
//
//     ASH_URL=http://127.0.0.1:4100 ASH_API_KEY=… node examples/hello.mjs
import { Ash } from "@ash-agents/client";

const ash = new Ash({ url: process.env.ASH_URL, apiKey: process.env.ASH_API_KEY });
await ash.deploy("hello", { "CLAUDE.md": "You greet people, in one line." });

const session = await ash.createSession({ agent: "hello" });
const turn = session.send("Good morning!", { includePartialMessages: true });
for await (const delta of turn.deltas()) process.stdout.write(delta);
process.stdout.write("\n");
await session.end();
