// Requests: typed by operation, sent again where that is safe.

import { AshConnectionError, AshError } from "./errors.js";
import type { operations } from "./openapi.js";
import { OPERATIONS } from "./operations.js";

export type OperationName = keyof operations & keyof typeof OPERATIONS;

type Parameters<Name extends OperationName> = operations[Name]["parameters"];
type Part<From, Key extends string> = From extends { [Name in Key]?: infer Found }
  ? Exclude<Found, undefined>
  : never;
type Content<From> = From extends { content: { "application/json": infer Found } } ? Found : never;
type Responses<Name extends OperationName> = operations[Name]["responses"];

/** What an operation answers in JSON. */
export type Answer<Name extends OperationName> = Content<
  Responses<Name>[Extract<keyof Responses<Name>, 200 | 201>]
>;

/** What an operation takes. */
export type Request<Name extends OperationName> = {
  signal?: AbortSignal;
  headers?: Record<string, string>;
} & ([Part<Parameters<Name>, "path">] extends [never]
  ? { path?: undefined }
  : { path: Part<Parameters<Name>, "path"> }) & {
    query?: Part<Parameters<Name>, "query">;
    body?: Content<Part<operations[Name], "requestBody">> | BodyInit;
  };

export interface Options {
  /** Where ashd is, e.g. `http://127.0.0.1:4100`. */
  url: string;
  apiKey: string;
  /** How long the server may be away before a request or a stream fails; default 60. */
  patienceSeconds?: number;
  /** Asked before each request for the span that it is a part of, as the header `traceparent` has it. */
  traceparent?: () => string | undefined;
  /** In place of the global `fetch`. */
  fetch?: typeof fetch;
}

const FIRST_WAIT_MILLISECONDS = 200;
const LONGEST_WAIT_MILLISECONDS = 5_000;

/** Statuses of a server, or of a proxy before it, that is away for a moment. */
const AWAY = [429, 502, 503, 504];

/** Waits between tries, longer and longer, until the patience is over. */
export class Patience {
  private wait = FIRST_WAIT_MILLISECONDS;
  private end: number;

  constructor(private readonly seconds: number) {
    this.end = Date.now() + seconds * 1_000;
  }

  /** It goes on: what comes next has all the time again. */
  refresh(): void {
    this.wait = FIRST_WAIT_MILLISECONDS;
    this.end = Date.now() + this.seconds * 1_000;
  }

  /** Throws `cause` when the patience is over, or would be before the next try. */
  async next(cause: unknown, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const told = cause instanceof AshError ? (cause.retryAfter ?? 0) * 1_000 : 0;
    const wait = Math.max(told, this.wait * (0.5 + Math.random() / 2));
    if (Date.now() + wait > this.end) {
      if (cause instanceof AshError) throw cause;
      throw new AshConnectionError("the server cannot be reached", { cause });
    }
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MILLISECONDS);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(done, wait);
      function done(): void {
        signal?.removeEventListener("abort", aborted);
        resolve();
      }
      function aborted(): void {
        clearTimeout(timer);
        reject(signal?.reason);
      }
      signal?.addEventListener("abort", aborted, { once: true });
    });
  }
}

export class Http {
  private readonly url: string;
  private readonly fetch: typeof fetch;

  constructor(private readonly options: Options) {
    this.url = options.url.replace(/\/+$/, "");
    this.fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  patience(): Patience {
    return new Patience(this.options.patienceSeconds ?? 60);
  }

  /** One try; an answer that is not a success is thrown. */
  async once<Name extends OperationName>(name: Name, request: Request<Name>): Promise<Response> {
    const { method, path } = OPERATIONS[name];
    const places = (request.path ?? {}) as Record<string, string | number>;
    // A path of a file keeps its slashes.
    const filled = path.replace(/\{(\w+)\}/g, (_, place: string) =>
      String(places[place]).split("/").map(encodeURIComponent).join("/"),
    );
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries((request.query ?? {}) as object)) {
      if (value !== undefined) query.set(key, String(value));
    }
    const traceparent = this.options.traceparent?.();
    const headers: Record<string, string> = {
      authorization: `Bearer ${this.options.apiKey}`,
      ...(traceparent === undefined ? {} : { traceparent }),
      ...request.headers,
    };
    let body = request.body as BodyInit | undefined;
    if (body !== undefined && isPlain(body)) {
      body = JSON.stringify(body);
      headers["content-type"] = "application/json";
    }
    const asked = query.size > 0 ? `?${query}` : "";
    const response = await this.fetch(this.url + filled + asked, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      ...(request.signal ? { signal: request.signal } : {}),
    });
    if (!response.ok && response.status !== 304) throw await AshError.of(response);
    return response;
  }

  /** As often as it takes, where twice is as good as once. */
  async send<Name extends OperationName>(name: Name, request: Request<Name>): Promise<Response> {
    const about: { method: string; idempotent?: boolean } = OPERATIONS[name];
    const named = about.idempotent
      ? { ...request, headers: { "idempotency-key": newKey(), ...request.headers } }
      : request;
    const safe = about.idempotent || ["GET", "PUT", "DELETE"].includes(about.method);
    const again = safe && !(request.body instanceof ReadableStream);
    const patience = this.patience();
    for (;;) {
      try {
        return await this.once(name, named as Request<Name>);
      } catch (error) {
        if (!again || !mayPass(error, request.signal)) throw error;
        await patience.next(error, request.signal);
      }
    }
  }

  /** The same for an answer in JSON. */
  async json<Name extends OperationName>(name: Name, request: Request<Name>): Promise<Answer<Name>> {
    const response = await this.send(name, request);
    return (await response.json()) as Answer<Name>;
  }
}

/** A name that nothing else has. `randomUUID` is missing where a page came over plain HTTP. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether another try may succeed where this one did not. */
export function mayPass(error: unknown, signal?: AbortSignal): boolean {
  if (signal?.aborted) return false;
  return !(error instanceof AshError) || AWAY.includes(error.status);
}

function isPlain(body: unknown): boolean {
  return Object.getPrototypeOf(body) === Object.prototype || Array.isArray(body);
}
