// The queries this page waits for. Each carries an id that the server knows it by, so that the page can ask how far it is
// and end it. What is short never shows: the bar that reads this waits half a second.

export interface Running {
  id: string;
  path: string;
  text: string;
  began: number; // performance.now()
  stop: AbortController; // ends the request when the server does not
  cancelled: boolean;
}

export class Cancelled extends Error {
  constructor(seconds: number) {
    super(`Cancelled after ${seconds.toFixed(1)} s. Run it again, or narrow it: a shorter range, more label matchers.`);
    this.name = 'Cancelled';
  }
}

const query_paths = [/^\/api\/v1\/query/, /^\/loki\/api\/v1\/query/, /^\/api\/search$/, /^\/api\/metrics\//, /^\/api\/v2\/traces\//, /^\/obelisk\/api\/v1\/traces\//];

export function is_query(path: string): boolean {
  return query_paths.some((one) => one.test(path));
}

const running = new Map<string, Running>();
const listeners = new Set<() => void>();

export function on_running(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function running_queries(): Running[] {
  return [...running.values()];
}

let last = 0;
const page = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('');

export function begin(path: string, text: string): Running {
  const one: Running = { id: `ui-${page}-${++last}`, path, text, began: performance.now(), stop: new AbortController(), cancelled: false };
  running.set(one.id, one);
  listeners.forEach((listener) => listener());
  return one;
}

export function end(one: Running): void {
  running.delete(one.id);
  listeners.forEach((listener) => listener());
}

const server_grace_ms = 1500;

// Asks the server to end all of them, which then answers the requests itself; what it has not ended soon is cut off.
export function cancel_running(): boolean {
  const all = running_queries().filter((one) => !one.cancelled);
  for (const one of all) {
    one.cancelled = true;
    void fetch(`/obelisk/api/v1/queries/${one.id}`, { method: 'DELETE' }).catch(() => one.stop.abort());
    setTimeout(() => one.stop.abort(), server_grace_ms);
  }
  return all.length > 0;
}
