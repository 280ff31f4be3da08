// Loki's HTTP API, as far as the views ask it.
import { get_json } from './http';
import { ms_to_ns } from '../format/time';
import { number_of, type Labels, type Series } from './prometheus';
import type { ResolvedRange } from '../state/time_range';

export interface LogLine {
  time_ns: string;
  time_ms: number;
  labels: Labels;
  text: string;
}

interface Stream {
  stream: Labels;
  values: [string, string, ...unknown[]][];
}

interface Answer {
  status: string;
  data: { resultType: string; result: unknown; stats?: unknown };
  warnings?: string[];
}

function compare_ns(left: string, right: string): number {
  return left.length - right.length || (left < right ? -1 : left > right ? 1 : 0);
}

// An entry may carry structured metadata as a third element, either flat or under structuredMetadata and parsed.
function entry_labels(stream: Labels, extra: unknown): Labels {
  if (!extra || typeof extra !== 'object') return stream;
  const source = extra as Record<string, unknown>;
  const merged: Labels = { ...stream };
  for (const part of [source, source.structuredMetadata, source.parsed]) {
    if (!part || typeof part !== 'object') continue;
    for (const [name, value] of Object.entries(part)) if (typeof value === 'string') merged[name] = value;
  }
  return merged;
}

export function lines_of(streams: Stream[], newest_first = true): LogLine[] {
  const lines = streams.flatMap(({ stream, values }) => values.map(([time_ns, text, extra]) => ({
    time_ns, time_ms: Number(BigInt(time_ns) / 1000n) / 1000, labels: entry_labels(stream, extra), text,
  })));
  return lines.sort((left, right) => (newest_first ? -1 : 1) * compare_ns(left.time_ns, right.time_ns));
}

export async function query_lines(query: string, range: ResolvedRange, limit: number, signal?: AbortSignal): Promise<LogLine[]> {
  const answer = await get_json<Answer>('/loki/api/v1/query_range', {
    query, start: ms_to_ns(range.from_ms), end: ms_to_ns(range.to_ms), limit, direction: 'backward',
  }, signal);
  if (answer.data.resultType !== 'streams') throw new Error('metric');
  return lines_of(answer.data.result as Stream[]);
}

function series_of(answer: Answer): Series[] {
  return (answer.data.result as { metric: Labels; values: [number, string][] }[]).map(({ metric, values }) => ({
    labels: metric, times_s: values.map(([time]) => time), values: values.map(([, value]) => number_of(value)),
  }));
}

// `last`: counts want the step that has not ended yet as well; a rate would seem to fall in it.
export async function query_log_metric(query: string, range: ResolvedRange, step_s: number, signal?: AbortSignal, last: 'whole' | 'begun' = 'whole'): Promise<Series[]> {
  const start = Math.floor(range.from_ms / 1000 / step_s) * step_s;
  const end = Math.max(start, Math[last === 'whole' ? 'floor' : 'ceil'](range.to_ms / 1000 / step_s) * step_s);
  return series_of(await get_json<Answer>('/loki/api/v1/query_range', {
    query, start: ms_to_ns(start * 1000), end: ms_to_ns(end * 1000), step: `${step_s}s`,
  }, signal));
}

export async function query_log_instant(query: string, time_ms: number, signal?: AbortSignal): Promise<{ labels: Labels; value: number }[]> {
  const answer = await get_json<Answer>('/loki/api/v1/query', { query, time: ms_to_ns(time_ms) }, signal);
  return (answer.data.result as { metric: Labels; value: [number, string] }[]).map(({ metric, value }) => ({
    labels: metric, value: number_of(value[1]),
  }));
}

export async function log_label_names(range: ResolvedRange, signal?: AbortSignal): Promise<string[]> {
  return (await get_json<{ data?: string[] }>('/loki/api/v1/labels', {
    start: ms_to_ns(range.from_ms), end: ms_to_ns(range.to_ms),
  }, signal)).data ?? [];
}

export async function log_label_values(name: string, range: ResolvedRange, signal?: AbortSignal): Promise<string[]> {
  return (await get_json<{ data?: string[] }>(`/loki/api/v1/label/${encodeURIComponent(name)}/values`, {
    start: ms_to_ns(range.from_ms), end: ms_to_ns(range.to_ms),
  }, signal)).data ?? [];
}

export interface LogPattern {
  pattern: string;
  level: string;
  series: Series; // lines a step
}

export interface LogPatternsAnswer {
  patterns: LogPattern[];
  other_lines: number; // of no pattern in the list
  warnings: string[];
}

export async function query_patterns(query: string, range: ResolvedRange, step_s: number, signal?: AbortSignal): Promise<LogPatternsAnswer> {
  const answer = await get_json<{ data: { pattern: string; level?: string; samples: [number, number][] }[]; others?: { lines: number }; warnings?: string[] }>(
    '/loki/api/v1/patterns', { query, start: ms_to_ns(range.from_ms), end: ms_to_ns(range.to_ms), step: `${step_s}s` }, signal);
  const begin = range.from_ms / 1000;
  const steps = Math.max(1, Math.ceil((range.to_ms / 1000 - begin) / step_s));
  const patterns = answer.data.map(({ pattern, level = '', samples }) => {
    const values: (number | null)[] = new Array<number>(steps).fill(0);
    for (const [time, lines] of samples) values[Math.min(steps - 1, Math.max(0, Math.round((time - begin) / step_s)))] = lines;
    return { pattern, level, series: { labels: {}, times_s: values.map((_, index) => begin + index * step_s), values } };
  });
  return { patterns, other_lines: Number(answer.others?.lines ?? 0), warnings: answer.warnings ?? [] };
}

// Follows new lines until closed. The server's own end of the connection is told with its reason.
export function tail(query: string, from_ms: number, on_lines: (lines: LogLine[]) => void, on_end: (why: string) => void): () => void {
  const scheme = window.location.protocol === 'https:' ? 'wss:' : 'ws:';
  const url = `${scheme}//${window.location.host}/loki/api/v1/tail?${new URLSearchParams({ query, start: ms_to_ns(from_ms), limit: '1000' })}`;
  const socket = new WebSocket(url);
  let closed = false;
  socket.onmessage = ({ data }) => {
    try {
      const { streams = [] } = JSON.parse(String(data)) as { streams?: Stream[] };
      on_lines(lines_of(streams));
    } catch {
      on_end('The tail sent something that is not JSON.');
    }
  };
  socket.onclose = ({ reason, code }) => {
    if (!closed) on_end(reason || (code === 1000 ? 'The server ended the tail.' : `The tail was cut off (code ${code}). Is the query a log query?`));
  };
  return () => {
    closed = true;
    socket.close();
  };
}
