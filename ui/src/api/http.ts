// One place that talks to the server. All requests go to the origin that served the page.
// An answer that is no success becomes an ApiError with the server's own message; a lost connection says so.

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
  let response: Response;
  try {
    response = await fetch(query ? `${path}?${query}` : path, { signal, headers: { accept: 'application/json' } });
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

// Where an error message points to, as an offset into the query: "1:42", "line 1, column 42", "position 41", "offset 41".
export function error_offset(message: string, query: string): number | null {
  const line_column = /(?:^|\D)(\d+):(\d+)(?:\D|$)/.exec(message) ?? /line (\d+),? col(?:umn)? (\d+)/i.exec(message);
  if (line_column) {
    const lines = query.split('\n');
    const line = Number(line_column[1]);
    if (line < 1 || line > lines.length) return null;
    const before = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
    return Math.min(query.length, before + Math.max(0, Number(line_column[2]) - 1));
  }
  const position = /(?:position|offset|byte|char(?:acter)?) (\d+)/i.exec(message);
  return position ? Math.min(query.length, Number(position[1])) : null;
}
