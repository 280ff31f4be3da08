// A trace as the views use it: OTLP JSON evened out, spans in a tree with self times and the critical path.
// Senders and servers differ: ids as hex or base64, kinds and codes as names or numbers, 64-bit integers as text,
// resourceSpans or the older batches. Times inside a trace are numbers of nanoseconds since its first span began: exact
// up to 104 days. Broken input is ordinary: missing parents, cycles, double ids, spans that end before they begin.
// Nothing here recurses, so depth is bounded by memory only.

export type AttributeValue = string | number | boolean | AttributeValue[] | { [key: string]: AttributeValue } | null;
export type Attributes = Record<string, AttributeValue>;

export interface SpanEvent {
  name: string;
  at_ns: number;
  attributes: Attributes;
}

export interface Span {
  span_id: string;
  parent_id: string;
  name: string;
  service: string;
  kind: string;
  start_ns: number;
  duration_ns: number;
  failed: boolean;
  status_message: string;
  attributes: Attributes;
  resource: Attributes;
  scope: string; // name and version
  trace_state: string;
  dropped: number; // attributes, events and links that the sender's limits left out
  events: SpanEvent[];
  links: { trace_id: string; span_id: string; attributes: Attributes }[];
  // of the tree
  index: number;
  parent: Span | null;
  children: Span[];
  depth: number;
  self_ns: number;
  critical_ns: number;
  critical: [number, number][];
  descendants: number;
}

export interface Trace {
  trace_id: string;
  start_unix_ns: bigint;
  duration_ns: number;
  root: Span; // what the trace is named after
  roots: Span[];
  spans: Span[]; // depth first, children by start
  by_id: Map<string, Span>;
  services: string[];
  failed: number;
  missing_parents: number;
  duplicates: number;
  skewed: number;
  depth: number;
}

interface OtlpValue {
  stringValue?: string; intValue?: string | number; doubleValue?: number | string; boolValue?: boolean; bytesValue?: string;
  arrayValue?: { values?: OtlpValue[] }; kvlistValue?: { values?: OtlpAttribute[] };
}
interface OtlpAttribute { key?: string; value?: OtlpValue }
interface OtlpSpan {
  traceId?: string; spanId?: string; parentSpanId?: string; name?: string; kind?: number | string;
  startTimeUnixNano?: string | number; endTimeUnixNano?: string | number; attributes?: OtlpAttribute[];
  status?: { code?: number | string; message?: string }; traceState?: string;
  droppedAttributesCount?: number; droppedEventsCount?: number; droppedLinksCount?: number;
  events?: { name?: string; timeUnixNano?: string | number; attributes?: OtlpAttribute[] }[];
  links?: { traceId?: string; spanId?: string; attributes?: OtlpAttribute[] }[];
}
interface OtlpResourceSpans {
  resource?: { attributes?: OtlpAttribute[] };
  scopeSpans?: { scope?: { name?: string; version?: string }; spans?: OtlpSpan[] }[];
  instrumentationLibrarySpans?: { spans?: OtlpSpan[] }[];
}

const value_depth_max = 16;

function read_value(value: OtlpValue | undefined, depth = 0): AttributeValue {
  if (!value || depth > value_depth_max) return null;
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) {
    const number = Number(value.intValue);
    return Number.isSafeInteger(number) ? number : String(value.intValue);
  }
  if (value.doubleValue !== undefined) return Number(value.doubleValue);
  if (value.bytesValue !== undefined) return value.bytesValue;
  if (value.arrayValue) return (value.arrayValue.values ?? []).map((one) => read_value(one, depth + 1));
  if (value.kvlistValue) return read_attributes(value.kvlistValue.values, depth + 1);
  return null;
}

export function read_attributes(list: OtlpAttribute[] | undefined, depth = 0): Attributes {
  const attributes: Attributes = Object.create(null) as Attributes;
  for (const { key, value } of list ?? []) if (key !== undefined) attributes[key] = read_value(value, depth);
  return attributes;
}

export function read_id(text: string | undefined, bytes: number): string {
  if (!text) return '';
  if (text.length === bytes * 2 && /^[0-9a-f]+$/i.test(text)) return /^0+$/.test(text) ? '' : text.toLowerCase();
  try {
    const raw = atob(text);
    let hex = '';
    for (let index = 0; index < raw.length; index++) hex += raw.charCodeAt(index).toString(16).padStart(2, '0');
    return /^0*$/.test(hex) ? '' : hex;
  } catch {
    return text;
  }
}

const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

function read_kind(kind: number | string | undefined): string {
  if (typeof kind === 'number') return kinds[kind] ?? 'unspecified';
  return (kind ?? 'unspecified').replace(/^SPAN_KIND_/, '').toLowerCase();
}

function read_ns(value: string | number | undefined): bigint {
  try {
    return BigInt(value ?? 0);
  } catch {
    return 0n;
  }
}

export function attribute_text(value: AttributeValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

interface RawSpan { span: OtlpSpan; resource: Attributes; scope: string; start: bigint; end: bigint }

function collect(answer: unknown): RawSpan[] {
  const outer = (answer ?? {}) as { trace?: unknown };
  const trace = (outer.trace ?? outer) as { resourceSpans?: OtlpResourceSpans[]; batches?: OtlpResourceSpans[] };
  const raw: RawSpan[] = [];
  for (const { resource, scopeSpans, instrumentationLibrarySpans } of trace.resourceSpans ?? trace.batches ?? []) {
    const attributes = read_attributes(resource?.attributes);
    for (const group of scopeSpans ?? instrumentationLibrarySpans ?? []) {
      const { name = '', version = '' } = (group as { scope?: { name?: string; version?: string } }).scope ?? {};
      const named = `${name} ${version}`.trim();
      for (const span of group.spans ?? []) {
        raw.push({ span, resource: attributes, scope: named, start: read_ns(span.startTimeUnixNano), end: read_ns(span.endTimeUnixNano) });
      }
    }
  }
  return raw;
}

export function read_trace(answer: unknown): Trace | null {
  const raw = collect(answer);
  if (raw.length === 0) return null;
  let begin = raw[0].start;
  let finish = raw[0].end;
  for (const { start, end } of raw) {
    if (start < begin) begin = start;
    if (end > finish) finish = end;
  }
  const by_id = new Map<string, Span>();
  const all: Span[] = [];
  let duplicates = 0;
  for (const { span, resource, scope, start, end } of raw) {
    const span_id = read_id(span.spanId, 8);
    if (span_id !== '' && by_id.has(span_id)) {
      duplicates++;
      continue;
    }
    const service = resource['service.name'];
    const one: Span = {
      span_id, parent_id: read_id(span.parentSpanId, 8), name: span.name ?? '', service: typeof service === 'string' ? service : '',
      kind: read_kind(span.kind), start_ns: Number(start - begin), duration_ns: end > start ? Number(end - start) : 0,
      failed: [2, 'STATUS_CODE_ERROR', 'ERROR'].includes(span.status?.code as never), status_message: span.status?.message ?? '',
      attributes: read_attributes(span.attributes), resource, scope, trace_state: span.traceState ?? '',
      dropped: (span.droppedAttributesCount ?? 0) + (span.droppedEventsCount ?? 0) + (span.droppedLinksCount ?? 0),
      events: (span.events ?? []).map((event) => ({
        name: event.name ?? '', at_ns: Number(read_ns(event.timeUnixNano) - begin), attributes: read_attributes(event.attributes),
      })),
      links: (span.links ?? []).map((one) => ({
        trace_id: read_id(one.traceId, 16), span_id: read_id(one.spanId, 8), attributes: read_attributes(one.attributes),
      })),
      index: 0, parent: null, children: [], depth: 0, self_ns: 0, critical_ns: 0, critical: [], descendants: 0,
    };
    all.push(one);
    if (span_id !== '') by_id.set(span_id, one);
  }
  const roots: Span[] = [];
  let missing_parents = 0;
  const closing = cycle_closers(all, by_id);
  for (const span of all) {
    const parent = span.parent_id === '' ? undefined : by_id.get(span.parent_id);
    if (parent && !closing.has(span)) {
      span.parent = parent;
      parent.children.push(span);
    } else {
      if (span.parent_id !== '') missing_parents++;
      roots.push(span);
    }
  }
  const by_start = (left: Span, right: Span) => left.start_ns - right.start_ns || right.duration_ns - left.duration_ns;
  roots.sort(by_start);
  const spans: Span[] = [];
  const stack = [...roots].reverse();
  let deepest = 0;
  let skewed = 0;
  while (stack.length > 0) {
    const span = stack.pop()!;
    span.index = spans.length;
    span.depth = span.parent ? span.parent.depth + 1 : 0;
    deepest = Math.max(deepest, span.depth + 1);
    if (span.parent && span.start_ns < span.parent.start_ns) skewed++;
    spans.push(span);
    span.children.sort(by_start);
    span.self_ns = span.duration_ns - covered_ns(span);
    for (let index = span.children.length - 1; index >= 0; index--) stack.push(span.children[index]);
  }
  for (let index = spans.length - 1; index >= 0; index--) {
    const span = spans[index];
    if (span.parent) span.parent.descendants += span.descendants + 1;
  }
  const root = main_root(roots);
  mark_critical_path(root);
  return {
    trace_id: read_id(raw[0].span.traceId, 16), start_unix_ns: begin, duration_ns: Number(finish - begin), root, roots, spans, by_id,
    services: [...new Set(spans.map((span) => span.service))], failed: spans.filter((span) => span.failed).length,
    missing_parents, duplicates, skewed, depth: deepest,
  };
}

// One span of every cycle of parents: cut there, the spans form trees. Every span is walked over once.
function cycle_closers(all: Span[], by_id: Map<string, Span>): Set<Span> {
  const closers = new Set<Span>();
  const walked = new Map<Span, number>();
  all.forEach((first, walk) => {
    for (let span: Span | undefined = first; span && !walked.has(span); span = by_id.get(span.parent_id)) {
      walked.set(span, walk);
      const parent = by_id.get(span.parent_id);
      if (parent && walked.get(parent) === walk) closers.add(span);
    }
  });
  return closers;
}

// How much of a span at least one child was running in; overlapping children count once.
function covered_ns(span: Span): number {
  let covered = 0;
  let reached = span.start_ns;
  const end = span.start_ns + span.duration_ns;
  for (const child of span.children) {
    const from = Math.max(child.start_ns, reached);
    const to = Math.min(child.start_ns + child.duration_ns, end);
    if (to <= from) continue;
    covered += to - from;
    reached = to;
  }
  return covered;
}

// The first span without a parent; where there is none, the longest of those whose parent is missing.
function main_root(roots: Span[]): Span {
  return roots.find((span) => span.parent_id === '') ?? roots.reduce((longest, span) => (span.duration_ns > longest.duration_ns ? span : longest));
}

// How far a span may reach past the begin of what was waited for after it and still count as before it: clocks of many
// senders tick in milliseconds, so that steps one after the other seem to overlap by up to one. A quarter of the span at
// most: more is running beside. The server's span:onCriticalPath has the same rule.
function overlap_allowed_ns(span: Span): number {
  return Math.min(1e6, span.duration_ns / 4);
}

// Walks back from the root's end: at each moment the child that ended last before it is what was waited for; what no
// child covers is the span's own.
function mark_critical_path(root: Span): void {
  const work: [Span, number][] = [[root, root.start_ns + root.duration_ns]];
  while (work.length > 0) {
    const [span, until] = work.pop()!;
    let cursor = Math.min(until, span.start_ns + span.duration_ns);
    const children = [...span.children].sort((left, right) => right.start_ns + right.duration_ns - (left.start_ns + left.duration_ns));
    for (const child of children) {
      const inside = Math.min(child.start_ns + child.duration_ns, until);
      if (inside > cursor + overlap_allowed_ns(child)) continue;
      const end = Math.min(inside, cursor);
      if (end <= Math.max(child.start_ns, span.start_ns)) continue;
      if (end < cursor) span.critical.push([end, cursor]);
      work.push([child, end]);
      cursor = Math.max(child.start_ns, span.start_ns);
      if (cursor <= span.start_ns) break;
    }
    if (cursor > span.start_ns) span.critical.push([span.start_ns, cursor]);
    span.critical_ns = span.critical.reduce((sum, [from, to]) => sum + to - from, 0);
  }
}

export function longest_self_time(trace: Trace): Span {
  return trace.spans.reduce((best, span) => (span.self_ns > best.self_ns ? span : best), trace.spans[0]);
}

export function self_time_by_service(trace: Trace): { service: string; self_ns: number }[] {
  const sums = new Map<string, number>();
  for (const span of trace.spans) sums.set(span.service, (sums.get(span.service) ?? 0) + span.self_ns);
  return [...sums].map(([service, self_ns]) => ({ service, self_ns })).sort((left, right) => right.self_ns - left.self_ns);
}

// When a span began, in ms since 1970.
export function span_ms(span: Span, trace: Trace): number {
  return Number(trace.start_unix_ns / 1000n) / 1000 + span.start_ns / 1e6;
}
