// Reads a trace in OTLP JSON, as Tempo's API answers it, and says where its time went.
// Senders and servers differ in details the reader evens out: ids as hex or base64, kinds and status codes as names
// or numbers, 64-bit integers as text, `resourceSpans` or the older `batches`.

const status_error = new Set([2, 'STATUS_CODE_ERROR', 'ERROR']);
const kind_names = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

// Gives [{trace_id, span_id, parent_id, name, service, kind, start_ns, end_ns, attributes, failed, events}].
export function read_spans(answer) {
  const trace = answer.trace ?? answer;
  const resource_spans = trace.resourceSpans ?? trace.batches;
  if (!Array.isArray(resource_spans)) throw new TypeError('no resourceSpans in the trace');
  return resource_spans.flatMap(({ resource, scopeSpans = [] }) => {
    const service = read_attributes(resource?.attributes)['service.name'] ?? '';
    return scopeSpans.flatMap(({ spans = [] }) => spans.map((span) => read_span(span, service)));
  });
}

function read_span(span, service) {
  return {
    trace_id: read_id(span.traceId, 16),
    span_id: read_id(span.spanId, 8),
    parent_id: read_id(span.parentSpanId, 8),
    name: span.name,
    service,
    kind: read_kind(span.kind),
    start_ns: BigInt(span.startTimeUnixNano),
    end_ns: BigInt(span.endTimeUnixNano),
    attributes: read_attributes(span.attributes),
    failed: status_error.has(span.status?.code),
    events: (span.events ?? []).map((event) => ({
      name: event.name,
      attributes: read_attributes(event.attributes),
    })),
  };
}

function read_id(text, bytes) {
  if (!text) return '';
  if (text.length === bytes * 2 && /^[0-9a-f]+$/i.test(text)) return text.toLowerCase();
  return Buffer.from(text, 'base64').toString('hex');
}

function read_kind(kind = 0) {
  if (typeof kind === 'number') return kind_names[kind] ?? 'unspecified';
  return kind.replace(/^SPAN_KIND_/, '').toLowerCase();
}

function read_attributes(list = []) {
  return Object.fromEntries(list.map(({ key, value }) => [key, read_value(value)]));
}

function read_value(value = {}) {
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.intValue !== undefined) return Number(value.intValue);
  if (value.doubleValue !== undefined) return Number(value.doubleValue);
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(read_value);
  return undefined;
}

// The time a span spent in itself: its duration without the parts in which at least one child was running. Children that
// overlap count once; what a child does outside its parent (a notification nobody waits for) is not the parent's.
// Gives [{span, self_ns}], the longest first.
export function self_times(spans) {
  const children = new Map();
  for (const span of spans) {
    if (!span.parent_id) continue;
    if (!children.has(span.parent_id)) children.set(span.parent_id, []);
    children.get(span.parent_id).push(span);
  }
  return spans
    .map((span) => ({
      span,
      self_ns: span.end_ns - span.start_ns - covered_ns(span, children.get(span.span_id) ?? []),
    }))
    .sort((left, right) => Number(right.self_ns - left.self_ns));
}

function covered_ns(parent, children) {
  const ordered = children.toSorted((left, right) => Number(left.start_ns - right.start_ns));
  let covered = 0n;
  let reached = parent.start_ns;
  for (const { start_ns, end_ns } of ordered) {
    const from = start_ns > reached ? start_ns : reached;
    const to = end_ns < parent.end_ns ? end_ns : parent.end_ns;
    if (to <= from) continue;
    covered += to - from;
    reached = to;
  }
  return covered;
}

// The spans without a parent in the trace: one for a whole trace.
export function roots(spans) {
  const ids = new Set(spans.map((span) => span.span_id));
  return spans.filter((span) => !ids.has(span.parent_id));
}

export function duration_ms(span) {
  return Number(span.end_ns - span.start_ns) / 1e6;
}
