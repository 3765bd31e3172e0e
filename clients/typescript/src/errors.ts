// What goes wrong, as the server says it, or because there is no server.

import type { components } from "./openapi.js";

type Problem = components["schemas"]["Problem"];

/** A problem's code; newer servers may have others. */
export type Code = Problem["code"] | (string & {});

/** The server refused the request. Decide by `code`; the texts are for people. */
export class AshError extends Error {
  override readonly name = "AshError";

  constructor(
    readonly status: number,
    readonly code: Code,
    message: string,
    /** What to do about it. */
    readonly hint?: string,
    /** The member of the request that is wrong. */
    readonly field?: string,
    /** Seconds after which another try is worth it. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }

  static async of(response: Response): Promise<AshError> {
    const text = await response.text().catch(() => "");
    let problem: Partial<Problem> = {};
    try {
      problem = JSON.parse(text) as Partial<Problem>;
    } catch {
      // Not from ashd: a proxy's page.
    }
    const after = Number(response.headers.get("retry-after") ?? Number.NaN);
    return new AshError(
      response.status,
      problem.code ?? "unknown",
      problem.message ?? (text.slice(0, 200) || `the server answered ${response.status}`),
      problem.hint ?? undefined,
      problem.field ?? undefined,
      Number.isFinite(after) ? after : undefined,
    );
  }
}

/** The server could not be reached, or left, for longer than the client waits. */
export class AshConnectionError extends Error {
  override readonly name = "AshConnectionError";

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
  }
}
