// Tempo's HTTP API, as far as the views ask it.
import { get_json } from './http';
import type { ResolvedRange } from '../state/time_range';

export interface FoundTrace {
  traceID: string;
  rootServiceName?: string;
  rootTraceName?: string;
  startTimeUnixNano: string;
  durationMs?: number;
  spanSets?: { matched?: number; spans?: FoundSpan[] }[];
  serviceStats?: Record<string, { spanCount?: number; errorCount?: number }>;
}

export interface FoundSpan {
  spanID: string;
  name?: string;
  startTimeUnixNano: string;
  durationNanos: string;
}

export interface SearchResult {
  traces: FoundTrace[];
  partial: string | null;
}

export type SearchOrder = 'newest' | 'slowest';

// The newest, or the slowest, of all traces of the range that match.
export async function search_traces(q: string, range: ResolvedRange, limit: number, order: SearchOrder, signal?: AbortSignal): Promise<SearchResult> {
  const answer = await get_json<{ traces?: FoundTrace[]; message?: string; partial?: boolean }>('/api/search', {
    q, start: Math.floor(range.from_ms / 1000), end: Math.ceil(range.to_ms / 1000), limit, spss: 3, order: order === 'slowest' ? 'duration' : undefined,
  }, signal);
  return { traces: answer.traces ?? [], partial: answer.message ?? null };
}

export async function get_trace(trace_id: string, signal?: AbortSignal): Promise<unknown> {
  return get_json<unknown>(`/api/v2/traces/${encodeURIComponent(trace_id)}`, {}, signal);
}

export async function trace_tags(signal?: AbortSignal): Promise<{ scope: string; tags: string[] }[]> {
  const answer = await get_json<{ scopes?: { name: string; tags?: string[] }[] }>('/api/v2/search/tags', {}, signal);
  return (answer.scopes ?? []).map(({ name, tags = [] }) => ({ scope: name, tags }));
}

export async function trace_tag_values(tag: string, signal?: AbortSignal, range?: ResolvedRange): Promise<string[]> {
  const answer = await get_json<{ tagValues?: { type: string; value: string }[] }>(
    `/api/v2/search/tag/${encodeURIComponent(tag)}/values`, range ? { start: Math.floor(range.from_ms / 1000), end: Math.ceil(range.to_ms / 1000) } : {}, signal);
  return (answer.tagValues ?? []).map(({ value }) => String(value));
}

export interface DurationCell {
  begin_ms: number;
  top_s: number; // upper bound of the bucket; the lower is half of it
  count: number;
}

// How many spans that match began in each step (a sample stands at its end), by duration in powers of two; empty cells are left out.
export async function duration_histogram(q: string, range: ResolvedRange, step_s: number, signal?: AbortSignal): Promise<DurationCell[]> {
  interface Answer { series?: { labels?: { key: string; value: { doubleValue?: number } }[]; samples?: { timestampMs: string; value?: number }[] }[] }
  const start = Math.floor(range.from_ms / 1000 / step_s) * step_s;
  const end = Math.ceil(range.to_ms / 1000 / step_s) * step_s;
  const answer = await get_json<Answer>('/api/metrics/query_range', { q: `${q} | histogram_over_time(duration)`, start, end, step: `${step_s}s` }, signal);
  return (answer.series ?? []).flatMap(({ labels = [], samples = [] }) => {
    const top_s = labels.find(({ key }) => key === '__bucket')?.value.doubleValue ?? 0;
    return top_s <= 0 ? [] : samples.filter(({ value = 0 }) => value > 0).map(({ timestampMs, value = 0 }) => ({ begin_ms: Number(timestampMs) - step_s * 1000, top_s, count: value }));
  });
}
