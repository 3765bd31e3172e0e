// The client of Ash, for Node and for browsers.

import { type Answer, Http, newKey, type OperationName, type Options, type Request } from "./http.js";
import type { components } from "./openapi.js";
import { Turn, follow } from "./turn.js";
import type { AshEvent } from "./events.js";

export { AshConnectionError, AshError, type Code } from "./errors.js";
export { type AshEvent, type EventName, readEvents } from "./events.js";
export type { Answer, OperationName, Options, Request } from "./http.js";
export type { components, operations } from "./openapi.js";
export { Turn } from "./turn.js";
export { WebhookError, type WebhookEvent, verifyWebhook } from "./webhooks.js";

type Schemas = components["schemas"];
export type Agent = Schemas["Agent"];
export type SessionRecord = Schemas["Session"];
export type MessageOptions = Omit<Schemas["SendMessage"], "content"> & {
  signal?: AbortSignal;
  /** The span that the turn is a part of, as the header has it. */
  traceparent?: string;
};

export class Ash {
  private readonly http: Http;

  constructor(options: Options) {
    this.http = new Http(options);
  }

  /** Any operation by the name that `docs/openapi.json` gives it, with its JSON answer. */
  call<Name extends OperationName>(name: Name, request: Request<Name>): Promise<Answer<Name>> {
    return this.http.json(name, request);
  }

  /** The same with the answer as it comes, e.g. the bytes of a file. */
  fetch<Name extends OperationName>(name: Name, request: Request<Name>): Promise<Response> {
    return this.http.send(name, request);
  }

  /** Deploys an agent from texts, by their paths. */
  async deploy(name: string, files: Record<string, string>): Promise<Agent> {
    const list = Object.entries(files).map(([path, text]) => ({ path, content: base64(text) }));
    return (await this.call("deployAgent", { body: { name, files: list } })).agent;
  }

  async agents(): Promise<Agent[]> {
    return (await this.call("listAgents", {})).agents;
  }

  /** Creates a session of an agent. */
  async createSession(body: Schemas["CreateSession"]): Promise<Session> {
    const { session } = await this.call("createSession", { body });
    return new Session(this, this.http, session.id);
  }

  /** One that is there; nothing is asked yet. */
  session(id: string): Session {
    return new Session(this, this.http, id);
  }

  /** Every session, the newest first, page by page. */
  async *sessions(query: { agent?: string; status?: SessionRecord["status"] } = {}): AsyncGenerator<SessionRecord> {
    let cursor: string | undefined;
    do {
      const asked = { ...query, limit: 100, ...(cursor === undefined ? {} : { cursor }) };
      const page = await this.call("listSessions", { query: asked });
      yield* page.sessions;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }
}

export class Session {
  constructor(
    private readonly ash: Ash,
    private readonly http: Http,
    readonly id: string,
  ) {}

  async get(): Promise<SessionRecord> {
    return (await this.ash.call("getSession", { path: { id: this.id } })).session;
  }

  /** Sends a message; its turn begins when the answer is read. It is never taken twice. */
  send(content: Schemas["SendMessage"]["content"], options: MessageOptions = {}): Turn {
    const { signal, traceparent, ...more } = options;
    const key = newKey();
    const body = { ...more, content } as Schemas["SendMessage"];
    const open = (after: number): Promise<Response> => {
      const headers: Record<string, string> = { "idempotency-key": key };
      if (traceparent !== undefined) headers["traceparent"] = traceparent;
      if (after > 0) headers["last-event-id"] = String(after);
      const path = { id: this.id };
      return this.http.once("sendMessage", { path, body, headers, ...(signal ? { signal } : {}) });
    };
    return new Turn(follow(this.http, open, (event) => event.event === "done", signal));
  }

  /** Says a text and answers what the agent answers. */
  say(text: string, options: MessageOptions = {}): Promise<string> {
    return this.send(text, options).text();
  }

  /** What happens in the session from event `after` on (0: from its start), until it ends or `signal`. */
  watch(options: { after?: number; includePartialMessages?: boolean; signal?: AbortSignal } = {}): AsyncGenerator<AshEvent> {
    const { after: first, includePartialMessages, signal } = options;
    const open = async (after: number): Promise<Response | undefined> => {
      const query = {
        ...(after > 0 || first !== undefined ? { after } : {}),
        ...(includePartialMessages === undefined ? {} : { includePartialMessages }),
      };
      const request = { path: { id: this.id }, query, ...(signal ? { signal } : {}) };
      const response = await this.http.once("streamSession", request);
      return response.status === 204 ? undefined : response;
    };
    return follow(this.http, open, () => false, signal, first ?? 0);
  }

  /** Answers what the session asks, e.g. in a `permission_request`. */
  answer(permission: string, body: Schemas["AnswerPermission"]): Promise<Answer<"answerPermission">> {
    return this.ash.call("answerPermission", { path: { id: this.id, permission }, body });
  }

  interrupt(): Promise<Answer<"interruptSession">> {
    return this.ash.call("interruptSession", { path: { id: this.id } });
  }

  /** The text of a file of the workspace. */
  async readFile(path: string): Promise<string> {
    const response = await this.ash.fetch("readFile", { path: { id: this.id, path } });
    return response.text();
  }

  async writeFile(path: string, content: BodyInit): Promise<void> {
    await this.ash.fetch("writeFile", { path: { id: this.id, path }, body: content });
  }

  async end(): Promise<SessionRecord> {
    return (await this.ash.call("endSession", { path: { id: this.id } })).session;
  }
}

function base64(text: string): string {
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return btoa(bytes);
}
