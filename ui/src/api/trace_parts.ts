// A trace by parts (docs/api/obelisk.md): what is shown of a trace that is too large to be sent whole.
import { get_json } from './http';
import { read_trace, type Span } from '../trace/trace_model';

export interface PartSpan {
  span_id: string;
  parent_id: string;
  name: string;
  service: string;
  start_ns: number; // since the trace began
  duration_ns: number;
  self_ns: number;
  failed: boolean;
  depth: number;
  child_count: number;
  subtree_spans: number;
  subtree_errors: number;
  is_critical: boolean;
}

export interface PartPage {
  total: number;
  spans: PartSpan[];
}

export interface TraceOverview {
  trace_id: string;
  start_unix_ns: bigint;
  duration_ns: number;
  spans: number;
  errors: number;
  levels: number;
  tops: number;
  services: { name: string; spans: number; errors: number; self_ns: number }[];
}

// Columns of time; in each the service most spans of a level belong to (-1: none runs, -2: one of many small ones).
export interface TraceTimeline {
  begin_ns: number;
  end_ns: number;
  services: string[];
  levels: number[][];
  spans: number[];
  errors: number[];
}

export interface AggregatedNode {
  parent: number;
  depth: number;
  name: string;
  service: string;
  count: number;
  errors: number;
  duration_ns: number;
  self_ns: number;
  longest_ns: number;
}

interface RawPartSpan {
  spanId: string; parentSpanId?: string; name: string; service: string; startUnixNano: string; durationNanos: string; selfTimeNanos: string;
  status: number; depth: number; children: number; subtreeSpans: number; subtreeErrors: number; critical: boolean; place?: number;
}

function read_span(raw: RawPartSpan, start: bigint): PartSpan {
  return {
    span_id: raw.spanId, parent_id: raw.parentSpanId ?? '', name: raw.name, service: raw.service, start_ns: Number(BigInt(raw.startUnixNano) - start),
    duration_ns: Number(raw.durationNanos), self_ns: Number(raw.selfTimeNanos), failed: raw.status === 2, depth: raw.depth, child_count: raw.children,
    subtree_spans: raw.subtreeSpans, subtree_errors: raw.subtreeErrors, is_critical: raw.critical,
  };
}

const part = (trace_id: string, name: string) => `/obelisk/api/v1/traces/${encodeURIComponent(trace_id)}/${name}`;

export async function trace_overview(trace_id: string, signal?: AbortSignal): Promise<TraceOverview> {
  interface Answer {
    traceId: string; startUnixNano: string; durationNanos: string; spans: number; errors: number; levels: number; tops: number;
    services: { name: string; spans: number; errors: number; selfTimeNanos: string }[];
  }
  const answer = await get_json<Answer>(part(trace_id, 'overview'), {}, signal);
  return {
    trace_id: answer.traceId, start_unix_ns: BigInt(answer.startUnixNano), duration_ns: Number(answer.durationNanos), spans: answer.spans, errors: answer.errors,
    levels: answer.levels, tops: answer.tops,
    services: answer.services.map(({ name, spans, errors, selfTimeNanos }) => ({ name, spans, errors, self_ns: Number(selfTimeNanos) })).sort((left, right) => right.self_ns - left.self_ns),
  };
}

export async function trace_timeline(trace_id: string, window: { from_ns: number; to_ns: number } | null, columns: number, levels: number, signal?: AbortSignal): Promise<TraceTimeline> {
  const answer = await get_json<{ beginNanos: string; endNanos: string; services: string[]; levels: number[][]; spans: number[]; errors: number[] }>(
    part(trace_id, 'timeline'), { columns, levels, begin: window ? Math.round(window.from_ns) : undefined, end: window ? Math.round(window.to_ns) : undefined }, signal);
  return { begin_ns: Number(answer.beginNanos), end_ns: Number(answer.endNanos), services: answer.services, levels: answer.levels, spans: answer.spans, errors: answer.errors };
}

export type SpanList = { kind: 'children'; span_id: string | null } | { kind: 'find'; text: string } | { kind: 'failed' } | { kind: 'critical' };

// What was typed to find spans: TraceQL begins with a brace or a parenthesis, all else is a text.
export function find_parameters(text: string): { q?: string; text?: string } {
  return /^\s*[{(]/.test(text) ? { q: text } : { text };
}

const page_calls: Record<SpanList['kind'], string> = { children: 'tree', find: 'search', failed: 'tree', critical: 'critical-path' };

export async function trace_page(overview: TraceOverview, list: SpanList, offset: number, limit: number, signal?: AbortSignal): Promise<PartPage> {
  const of_list = list.kind === 'children' ? { depth: 1, span: list.span_id ?? undefined } : list.kind === 'find' ? find_parameters(list.text) : list.kind === 'failed' ? { failed: 'true' } : {};
  const answer = await get_json<{ total: number; spans: RawPartSpan[] }>(part(overview.trace_id, page_calls[list.kind]), { ...of_list, offset, limit }, signal);
  return { total: answer.total, spans: answer.spans.map((span) => read_span(span, overview.start_unix_ns)) };
}

// The ids of the spans that are found, at most `limit`.
export async function trace_find(trace_id: string, text: string, limit: number, signal?: AbortSignal): Promise<{ total: number; span_ids: string[] }> {
  const answer = await get_json<{ total: number; spans: RawPartSpan[] }>(part(trace_id, 'search'), { ...find_parameters(text), limit }, signal);
  return { total: answer.total, span_ids: answer.spans.map(({ spanId }) => spanId) };
}

// From a top down to the span: each with its place among its siblings.
export async function trace_way(overview: TraceOverview, span_id: string, signal?: AbortSignal): Promise<{ span: PartSpan; place: number }[]> {
  const answer = await get_json<{ spans: RawPartSpan[] }>(part(overview.trace_id, 'way'), { span: span_id }, signal);
  return answer.spans.map((raw) => ({ span: read_span(raw, overview.start_unix_ns), place: raw.place ?? 0 }));
}

export async function trace_span(trace_id: string, span_id: string, signal?: AbortSignal): Promise<Span | null> {
  return read_trace(await get_json<unknown>(part(trace_id, 'span'), { span: span_id }, signal))?.spans[0] ?? null;
}

export async function trace_aggregate(trace_id: string, limit: number, signal?: AbortSignal): Promise<{ left_out: number; nodes: AggregatedNode[] }> {
  interface Node { parent: number; depth: number; name: string; service: string; count: number; errors: number; durationNanos: string; selfTimeNanos: string; longestNanos: string }
  const answer = await get_json<{ leftOutSpans: number; nodes: Node[] }>(part(trace_id, 'aggregate'), { limit }, signal);
  return {
    left_out: answer.leftOutSpans,
    nodes: answer.nodes.map(({ durationNanos, selfTimeNanos, longestNanos, ...rest }) => ({ ...rest, duration_ns: Number(durationNanos), self_ns: Number(selfTimeNanos), longest_ns: Number(longestNanos) })),
  };
}
