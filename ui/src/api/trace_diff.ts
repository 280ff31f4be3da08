// Two traces as one tree: which spans both have, which one has, and what changed (docs/api/tempo.md, obelisk-tree-v0).
import { post_json } from './http';

export interface DiffSide {
  span_id: string;
  offset_ns: number;
  duration_ns: number;
  failed: boolean;
}

export interface DiffChange {
  what: string; // "duration_nanos", "span.order.item"
  before: string | null;
  after: string | null;
}

export interface DiffSpan {
  state: 'same' | 'modified' | 'added' | 'removed';
  depth: number;
  service: string;
  name: string;
  base: DiffSide | null;
  other: DiffSide | null;
  changes: DiffChange[];
}

export interface TraceDiff {
  base_spans: number;
  other_spans: number;
  spans: DiffSpan[];
  warnings: string[];
}

interface RawSide { spanId: string; offsetNanos: string; durationNanos: string; status: string }
interface RawChange { op: string; target: { type: string; scope?: string; name?: string; key?: string }; before?: unknown; after?: unknown }
interface RawSpan { state: DiffSpan['state']; depth: number; service: string; name: string; base?: RawSide; compare?: RawSide; changes?: RawChange[] }
interface RawDiff { base: { spanCount: number }; compare: { spanCount: number }; spans: RawSpan[]; warnings?: (string | { message?: string })[] }

function side_of(raw: RawSide | undefined): DiffSide | null {
  return raw ? { span_id: raw.spanId, offset_ns: Number(raw.offsetNanos), duration_ns: Number(raw.durationNanos), failed: raw.status === 'STATUS_CODE_ERROR' } : null;
}

function text_of(value: unknown): string | null {
  return value === undefined || value === null ? null : typeof value === 'string' ? value : JSON.stringify(value);
}

function change_of({ target, before, after }: RawChange): DiffChange {
  const name = target.key ?? target.name ?? target.type;
  return { what: target.scope ? `${target.scope}.${name}` : name, before: text_of(before), after: text_of(after) };
}

export async function diff_traces(base: string, other: string, signal?: AbortSignal): Promise<TraceDiff> {
  const answer = await post_json<RawDiff>('/api/v2/traces/diff', { base: { traceId: base }, compare: { traceId: other }, format: 'obelisk-tree-v0' }, signal);
  return {
    base_spans: answer.base.spanCount, other_spans: answer.compare.spanCount,
    spans: answer.spans.map((raw) => ({
      state: raw.state, depth: raw.depth, service: raw.service, name: raw.name, base: side_of(raw.base), other: side_of(raw.compare), changes: (raw.changes ?? []).map(change_of),
    })),
    warnings: (answer.warnings ?? []).map((one) => (typeof one === 'string' ? one : one.message ?? JSON.stringify(one))),
  };
}
