import { describe, expect, test } from 'vitest';
import { longest_self_time, read_id, read_trace, self_time_by_service, type Trace } from '../src/trace/trace_model';
import { visible_rows } from '../src/trace/rows';
import { nice_ticks } from '../src/trace/waterfall';

const begin = 1_777_790_277_000_000_000n;
const hex = (number: number) => number.toString(16).padStart(16, '0');

interface Small { id: number; parent?: number; at: number; ms: number; name?: string; service?: string; failed?: boolean }

function otlp(spans: Small[]): unknown {
  return {
    trace: {
      resourceSpans: spans.map(({ id, parent, at, ms, name = `span ${id}`, service = 'shop', failed }) => ({
        resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
        scopeSpans: [{ spans: [{
          traceId: '566acdc19b877beb6c75892a54376696', spanId: hex(id), parentSpanId: parent === undefined ? undefined : hex(parent), name,
          startTimeUnixNano: String(begin + BigInt(at * 1e6)), endTimeUnixNano: String(begin + BigInt(Math.round((at + ms) * 1e6))),
          status: failed ? { code: 2 } : {},
        }] }],
      })),
    },
  };
}

function read(spans: Small[]): Trace {
  return read_trace(otlp(spans))!;
}

describe('reading', () => {
  test('ids as hex or base64, zeros are none', () => {
    expect(read_id('00f067aa0ba902b7', 8)).toBe('00f067aa0ba902b7');
    expect(read_id('APBnqgupArc=', 8)).toBe('00f067aa0ba902b7');
    expect(read_id('0000000000000000', 8)).toBe('');
    expect(read_id('AAAAAAAAAAA=', 8)).toBe('');
    expect(read_id(undefined, 8)).toBe('');
  });
  test('times stay exact to the nanosecond', () => {
    const trace = read_trace({ batches: [{ scopeSpans: [{ spans: [
      { spanId: hex(1), name: 'a', startTimeUnixNano: '1777790277000000001', endTimeUnixNano: '1777790277000000004' },
      { spanId: hex(2), parentSpanId: hex(1), name: 'b', startTimeUnixNano: 1777790277, endTimeUnixNano: '1777790277' }] }] }] })!;
    expect(trace.spans.find(({ name }) => name === 'a')!.duration_ns).toBe(3);
  });
  test('no spans is null', () => {
    for (const answer of [null, {}, { trace: {} }, { trace: { resourceSpans: [] } }]) expect(read_trace(answer)).toBeNull();
  });
  test('a span that ends before it begins has no duration', () => {
    expect(read([{ id: 1, at: 10, ms: -5 }]).spans[0].duration_ns).toBe(0);
  });
  test('attributes named like object members do no harm', () => {
    const trace = read_trace({ batches: [{ scopeSpans: [{ spans: [{ spanId: hex(1), startTimeUnixNano: '1', endTimeUnixNano: '2', attributes: [
      { key: '__proto__', value: { stringValue: 'x' } }, { key: 'constructor', value: { intValue: '9007199254740993' } }, { key: 'list', value: { arrayValue: { values: [{ boolValue: true }] } } }] }] }] }] })!;
    expect(Object.keys(trace.spans[0].attributes)).toEqual(['__proto__', 'constructor', 'list']);
    expect(trace.spans[0].attributes.constructor).toBe('9007199254740993');
    expect(({} as { x?: string }).x).toBeUndefined();
  });
});

describe('tree', () => {
  test('self time leaves out what children cover once, and what they do after their parent', () => {
    const trace = read([{ id: 1, at: 0, ms: 100 }, { id: 2, parent: 1, at: 10, ms: 40 }, { id: 3, parent: 1, at: 30, ms: 40 }, { id: 4, parent: 1, at: 90, ms: 60 }]);
    expect(trace.by_id.get(hex(1))!.self_ns).toBe(30e6);
    expect(longest_self_time(trace).span_id).toBe(hex(4));
    expect(trace.duration_ns).toBe(150e6);
  });
  test('missing parents, cycles, self-parents and double ids leave every span once', () => {
    const trace = read([{ id: 1, parent: 2, at: 0, ms: 5 }, { id: 2, parent: 1, at: 0, ms: 5 }, { id: 3, parent: 3, at: 0, ms: 5 }, { id: 4, parent: 99, at: 0, ms: 5 }, { id: 4, at: 0, ms: 5 }]);
    expect(trace.spans.map(({ span_id }) => span_id).sort()).toEqual([1, 2, 3, 4].map(hex));
    expect(trace.duplicates).toBe(1);
    expect(trace.missing_parents).toBe(3);
  });
  test('depth first, children by start', () => {
    const trace = read([{ id: 1, at: 0, ms: 100 }, { id: 3, parent: 1, at: 50, ms: 10 }, { id: 2, parent: 1, at: 10, ms: 10 }, { id: 4, parent: 2, at: 11, ms: 2 }]);
    expect(trace.spans.map(({ span_id }) => Number.parseInt(span_id, 16))).toEqual([1, 2, 4, 3]);
    expect(trace.by_id.get(hex(1))!.descendants).toBe(3);
  });
  test('the critical path covers the root exactly once', () => {
    const trace = read([{ id: 1, at: 0, ms: 100 }, { id: 2, parent: 1, at: 10, ms: 40 }, { id: 3, parent: 1, at: 20, ms: 60 }, { id: 4, parent: 3, at: 30, ms: 20 }]);
    const total = trace.spans.reduce((sum, span) => sum + span.critical_ns, 0);
    expect(total).toBe(100e6);
    expect(trace.by_id.get(hex(2))!.critical_ns).toBe(0); // it ran beside the one that was waited for
    expect(trace.by_id.get(hex(4))!.critical_ns).toBe(20e6);
  });
  test('steps that a coarse clock lets overlap are waited for one after the other', () => {
    const trace = read([{ id: 1, at: 0, ms: 300 }, { id: 2, parent: 1, at: 5, ms: 250.4 }, { id: 4, parent: 1, at: 220, ms: 50 }, { id: 3, parent: 1, at: 255, ms: 40 }]);
    expect(trace.by_id.get(hex(2))!.critical_ns).toBe(250e6); // up to where the next began
    expect(trace.by_id.get(hex(3))!.critical_ns).toBe(40e6);
    expect(trace.by_id.get(hex(4))!.critical_ns).toBe(0);
    expect(trace.spans.reduce((sum, span) => sum + span.critical_ns, 0)).toBe(300e6);
  });
  test('a longer span whose parent is missing is not the root', () => {
    const trace = read([{ id: 9, parent: 77, at: 0, ms: 500 }, { id: 1, at: 0, ms: 100 }]);
    expect(trace.root.span_id).toBe(hex(1));
    expect(trace.by_id.get(hex(1))!.critical_ns).toBe(100e6);
  });
  test('a chain of 10,000 spans is read without recursion', () => {
    const trace = read(Array.from({ length: 10_000 }, (_, index) => ({ id: index + 1, parent: index === 0 ? undefined : index, at: 0, ms: 10 })));
    expect(trace.depth).toBe(10_000);
  });
  test('self time by service', () => {
    const trace = read([{ id: 1, at: 0, ms: 100, service: 'a' }, { id: 2, parent: 1, at: 0, ms: 70, service: 'b' }]);
    expect(self_time_by_service(trace)).toEqual([{ service: 'b', self_ns: 70e6 }, { service: 'a', self_ns: 30e6 }]);
  });
});

describe('rows', () => {
  const options = { collapsed: new Set<string>(), unfolded: new Set<string>(), keep: new Set<never>(), only: null };
  const many = read([{ id: 1, at: 0, ms: 1000 }, ...Array.from({ length: 50 }, (_, index) => ({ id: index + 2, parent: 1, at: index, ms: 1, name: 'SELECT', failed: index === 7 }))]);
  test('equal siblings fold, one after the other too; a failure stays out', () => {
    const rows = visible_rows(many, options);
    const fold = rows.find((row) => row.kind === 'fold');
    expect(fold).toBeDefined();
    expect(fold!.kind === 'fold' && fold!.spans.length).toBe(49);
    expect(rows.some((row) => row.kind === 'span' && row.span.failed)).toBe(true);
  });
  test('unfolding shows all, collapsing hides all below', () => {
    const fold = visible_rows(many, options).find((row) => row.kind === 'fold')!;
    expect(visible_rows(many, { ...options, unfolded: new Set([fold.kind === 'fold' ? fold.key : '']) })).toHaveLength(51);
    expect(visible_rows(many, { ...options, collapsed: new Set([hex(1)]) })).toHaveLength(1);
  });
  test('failures only keeps the way to them', () => {
    expect(visible_rows(many, { ...options, only: (span) => span.failed })).toHaveLength(2);
  });
});

test('ticks are round, few and inside', () => {
  expect(nice_ticks(0, 622e6, 6)).toEqual([0, 200e6, 400e6, 600e6]);
  expect(nice_ticks(5, 5, 4)).toEqual([]);
  expect(nice_ticks(0, 1e18, 5).length).toBeLessThanOrEqual(6);
});
