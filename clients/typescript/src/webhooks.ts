// What a receiver of webhooks does first: find out whether ashd said it.

/** How old, or how far ahead, an attempt may be: what was recorded is not played again later. */
const TOLERANCE_SECONDS = 300;

export interface WebhookEvent {
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

/** It is not signed with this secret, or was not signed now: do not believe it, answer 400. */
export class WebhookError extends Error {
  override readonly name = "WebhookError";
}

/**
 * Answers the event of a request. `body` is the body as it came, byte for byte. The same event may come
 * again: its `webhook-id` is the same then.
 */
export async function verifyWebhook(
  secret: string,
  headers: Headers | Record<string, string | string[] | undefined>,
  body: string,
  options: { toleranceSeconds?: number; now?: Date } = {},
): Promise<WebhookEvent> {
  const header = (name: string): string => {
    const value = headers instanceof Headers ? headers.get(name) : headers[name];
    return (Array.isArray(value) ? value.join(" ") : value) ?? "";
  };
  const [id, seconds] = [header("webhook-id"), header("webhook-timestamp")];
  if (id === "" || !/^\d+$/.test(seconds)) {
    throw new WebhookError("it has no `webhook-id` or no `webhook-timestamp`");
  }
  const now = (options.now ?? new Date()).getTime() / 1000;
  if (Math.abs(now - Number(seconds)) > (options.toleranceSeconds ?? TOLERANCE_SECONDS)) {
    throw new WebhookError("it was signed at another time; is the clock right?");
  }
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const raw = bytes(secret.replace(/^whsec_/, ""), "the secret is none: it begins with `whsec_`");
  const key = await crypto.subtle.importKey("raw", raw, algorithm, false, ["verify"]);
  const signed = new TextEncoder().encode(`${id}.${seconds}.${body}`);
  for (const signature of header("webhook-signature").split(" ")) {
    if (!signature.startsWith("v1,")) continue;
    const tag = bytes(signature.slice("v1,".length), "its signature is no base64");
    if (await crypto.subtle.verify(algorithm, key, tag, signed)) return JSON.parse(body) as WebhookEvent;
  }
  throw new WebhookError("it is not signed with this secret");
}

function bytes(base64: string, otherwise: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    throw new WebhookError(otherwise);
  }
}
