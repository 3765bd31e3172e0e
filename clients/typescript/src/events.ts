// Server-sent events: how they are read, and what they are.

import type { components } from "./openapi.js";

type Schemas = components["schemas"];

interface Known {
  session_start: { sessionId: string; turnId: string; version: string };
  text_delta: { delta: string };
  thinking_delta: { delta: string };
  tool_use: { id: string; name: string; input: unknown };
  tool_result: { tool_use_id: string; content: unknown; is_error?: boolean };
  permission_request: Schemas["PermissionRequest"];
  permission_resolved: {
    permissionId: string;
    sessionId: string;
    turnId: string | null;
    behavior: "allow" | "deny" | "cancelled";
    by: "client" | "timeout" | "session";
  };
  turn_complete: { numTurns: number; result: string };
  /** A line of Claude Code, as it wrote it. */
  message: { type: string; [member: string]: unknown };
  error: { error: string; code?: string };
  done: { sessionId: string; turnId: string };
  user_message: { type: "user"; content: unknown };
  lifecycle: { action: string };
  resync: { reason: "pruned" | "ahead" | "restarted"; asked: number; from: number };
}

/** An event of a turn or a session, by its `event`. */
export type AshEvent = {
  [Name in keyof Known]: { id: number; event: Name; data: Known[Name] };
}[keyof Known];

/** The names of the events that are known here; the server's set is open. */
export type EventName = keyof Known;

/** Reads the events of an answer, also such as have no name here. It ends when the answer does. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<AshEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let [id, event, data] = [0, "", [] as string[]];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "") {
          if (data.length > 0) {
            yield { id, event: event || "message", data: JSON.parse(data.join("\n")) } as AshEvent;
          }
          [event, data] = ["", []];
          continue;
        }
        const colon = line.indexOf(":");
        const [name, text] =
          colon < 0 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
        if (name === "id") id = Number(text);
        else if (name === "event") event = text;
        else if (name === "data") data.push(text);
      }
    }
  } finally {
    // Whoever stops reading lets the connection go.
    await reader.cancel().catch(() => undefined);
  }
}
