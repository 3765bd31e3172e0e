// Streams that come back by themselves: a turn, and a session.

import { AshError } from "./errors.js";
import { type AshEvent, type EventName, readEvents } from "./events.js";
import { type Http, mayPass } from "./http.js";

/** Opens a stream behind the event `after`, 0 for its start; `undefined` if nothing will come. */
type Open = (after: number) => Promise<Response | undefined>;

/** Every event once, in order, however often the connection or the server goes away. */
export async function* follow(
  http: Http,
  open: Open,
  isLast: (event: AshEvent) => boolean,
  signal?: AbortSignal,
  first = 0,
): AsyncGenerator<AshEvent> {
  const patience = http.patience();
  let after = first;
  for (;;) {
    let cause: unknown = new Error("the stream ended too early");
    try {
      const response = await open(after);
      if (!response?.body) return;
      patience.refresh();
      for await (const event of readEvents(response.body)) {
        patience.refresh();
        if (event.event === "resync") after = event.data.from;
        else if (event.id <= after) continue;
        else after = event.id;
        yield event;
        if (isLast(event)) return;
      }
    } catch (error) {
      if (!mayPass(error, signal)) throw error;
      cause = error;
    }
    await patience.next(cause, signal);
  }
}

/** A turn: its events, each once, up to `done`. It can be read once. */
export class Turn implements AsyncIterable<AshEvent> {
  constructor(private readonly events: AsyncGenerator<AshEvent>) {}

  [Symbol.asyncIterator](): AsyncIterator<AshEvent> {
    return this.events;
  }

  /** Only the events of one name. */
  async *only<Name extends EventName>(name: Name): AsyncGenerator<Extract<AshEvent, { event: Name }>> {
    for await (const event of this.events) {
      if (event.event === name) yield event as Extract<AshEvent, { event: Name }>;
    }
  }

  /** The text as it is written; wants `includePartialMessages`. */
  async *deltas(): AsyncGenerator<string> {
    for await (const event of this.only("text_delta")) yield event.data.delta;
  }

  /** Each use of a tool with its result, when it has one. */
  async *tools(): AsyncGenerator<{ name: string; input: unknown; content: unknown; isError: boolean }> {
    const open = new Map<string, { name: string; input: unknown }>();
    for await (const { event, data } of this.events) {
      if (event === "tool_use") open.set(data.id, data);
      if (event !== "tool_result") continue;
      const use = open.get(data.tool_use_id);
      if (use) yield { name: use.name, input: use.input, content: data.content, isError: data.is_error ?? false };
    }
  }

  /** Reads to the end: what the agent answered. Throws what failed. */
  async text(): Promise<string> {
    let result: string | undefined;
    let failed: AshError | undefined;
    for await (const { event, data } of this.events) {
      if (event === "turn_complete") result = data.result;
      if (event === "error") failed = new AshError(200, data.code ?? "turn_failed", data.error);
    }
    if (result === undefined) throw failed ?? new AshError(200, "turn_failed", "the turn has no result");
    return result;
  }
}
