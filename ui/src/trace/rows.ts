// Which rows a waterfall shows: spans whose ancestors are open, with long runs of equal siblings folded into one row.
// Failures, the selected span and what the trace waited for noticeably stay out of folds. Many short spans one after the
// other are all on the critical path, and fold all the same: together they say more than one by one.
import type { Span, Trace } from './trace_model';

export interface SpanRow<S = Span> {
  kind: 'span';
  span: S;
}

export interface FoldRow<S = Span> {
  kind: 'fold';
  key: string;
  name: string;
  service: string;
  depth: number;
  spans: S[];
  total_ns: number;
  slowest_ns: number;
}

export type Row = SpanRow | FoldRow;

export const fold_least = 12;

export interface RowOptions {
  collapsed: ReadonlySet<string>;
  unfolded: ReadonlySet<string>;
  keep: ReadonlySet<Span>;
  only: ((span: Span) => boolean) | null; // these and the spans above them; null: all
}

const noticeable_share = 0.02;

function stays_out(span: Span, options: RowOptions, trace_ns: number): boolean {
  return span.children.length > 0 || span.failed || span.critical_ns > trace_ns * noticeable_share || options.keep.has(span);
}

export function visible_rows(trace: Trace, options: RowOptions): Row[] {
  const rows: Row[] = [];
  if (options.only) {
    const shown = new Set<Span>();
    for (const span of trace.spans) {
      if (!options.only(span)) continue;
      for (let up: Span | null = span; up && !shown.has(up); up = up.parent) shown.add(up);
    }
    for (const span of trace.spans) if (shown.has(span)) rows.push({ kind: 'span', span });
    return rows;
  }
  type Work = Row;
  const stack: Work[] = [];
  push_siblings(stack, 'root', trace.roots, options, trace.duration_ns);
  while (stack.length > 0) {
    const row = stack.pop()!;
    rows.push(row);
    if (row.kind === 'span' && row.span.children.length > 0 && !options.collapsed.has(row.span.span_id)) {
      push_siblings(stack, row.span.span_id, row.span.children, options, trace.duration_ns);
    }
  }
  return rows;
}

// In reverse, since the stack gives back the last first.
function push_siblings(stack: Row[], parent_key: string, siblings: Span[], options: RowOptions, trace_ns: number): void {
  const groups = new Map<string, Span[]>();
  if (siblings.length >= fold_least) {
    for (const span of siblings) {
      if (stays_out(span, options, trace_ns)) continue;
      const key = `${parent_key} ${span.service} ${span.name}`;
      const group = groups.get(key);
      if (group) group.push(span);
      else groups.set(key, [span]);
    }
  }
  const placed = new Set<string>();
  const rows: Row[] = [];
  for (const span of siblings) {
    const key = `${parent_key} ${span.service} ${span.name}`;
    const group = stays_out(span, options, trace_ns) ? undefined : groups.get(key);
    if (!group || group.length < fold_least || options.unfolded.has(key)) {
      rows.push({ kind: 'span', span });
    } else if (!placed.has(key)) {
      placed.add(key);
      rows.push({
        kind: 'fold', key, name: span.name, service: span.service, depth: span.depth, spans: group,
        total_ns: group.reduce((sum, one) => sum + one.duration_ns, 0),
        slowest_ns: group.reduce((most, one) => Math.max(most, one.duration_ns), 0),
      });
    }
  }
  for (let index = rows.length - 1; index >= 0; index--) stack.push(rows[index]);
}
