// Answers what a session asks before it uses a tool.
import { Ash } from "@ash-agents/client";

const ash = new Ash({ url: process.env.ASH_URL, apiKey: process.env.ASH_API_KEY });
await ash.deploy("careful", { "CLAUDE.md": "You write files when you are asked to." });

const session = await ash.createSession({ agent: "careful", askPermissions: true });
const message = process.env.ASH_MESSAGE ?? "Write a haiku about rain into haiku.txt.";
for await (const { event, data } of session.send(message)) {
  if (event === "permission_request") {
    console.log(`${data.toolName}: allowed`);
    await session.answer(data.permissionId, { behavior: "allow" });
  }
  if (event === "turn_complete") console.log(data.result);
}
await session.end();
