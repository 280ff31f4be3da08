// One place that talks to the server. All requests go to the origin that served the page.
// An answer that is no success becomes an ApiError with the server's own message; a lost connection says so.

import { begin, Cancelled, end, is_query } from './running';

export class ApiError extends Error {
  status: number;
  constructor(message: string, status: number) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }
}

export type Parameters = Record<string, string | number | string[] | undefined>;

function message_of(text: string, status: number): string {
  try {
    const body = JSON.parse(text) as Record<string, unknown>;
    const message = body.error ?? body.message;
    if (typeof message === 'string' && message !== '') return message;
  } catch {
    // Not JSON: Loki and Tempo answer errors as plain text.
  }
  const trimmed = text.trim().slice(0, 2000);
  return trimmed === '' ? `The server answered ${status} without saying why.` : trimmed;
}

export async function get_json<T>(path: string, parameters: Parameters, signal?: AbortSignal): Promise<T> {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [String(value)]) search.append(name, one);
  }
  const query = search.toString();
  const address = query ? `${path}?${query}` : path;
  if (!is_query(path)) return request<T>(address, path, {}, signal);
  const running = begin(path, String(parameters.query ?? parameters.q ?? ''));
  try {
    return await request<T>(address, path, { 'x-obelisk-query-id': running.id }, signal ? AbortSignal.any([signal, running.stop.signal]) : running.stop.signal);
  } catch (error) {
    // However it ended after Cancel, by the server's answer or by being cut off: it is no failure.
    if (running.cancelled && !signal?.aborted) throw new Cancelled((performance.now() - running.began) / 1000);
    throw error;
  } finally {
    end(running);
  }
}

export async function post_json<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return request<T>(path, path, { 'content-type': 'application/json' }, signal, JSON.stringify(body));
}

async function request<T>(address: string, path: string, headers: Record<string, string>, signal?: AbortSignal, body?: string): Promise<T> {
  let response: Response;
  try {
    response = await fetch(address, { signal, method: body === undefined ? 'GET' : 'POST', body, headers: { accept: 'application/json', ...headers } });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError('The server does not answer. Is it running, and is the network up?', 0);
  }
  const text = await response.text();
  if (!response.ok) throw new ApiError(message_of(text, response.status), response.status);
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError(`The answer of ${path} is not JSON.`, response.status);
  }
}
