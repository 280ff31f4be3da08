import assert from 'node:assert/strict';
import { test } from 'node:test';
import { duration_ms, read_spans, roots, self_times } from './trace_tree.mjs';

function span(span_id, parent_id, start, end, name = span_id) {
  return { span_id, parent_id, name, start_ns: BigInt(start), end_ns: BigInt(end) };
}

function self_of(spans) {
  return Object.fromEntries(
    self_times(spans).map(({ span: { span_id }, self_ns }) => [span_id, Number(self_ns)]),
  );
}

test('a span without children has all its time to itself', () => {
  assert.deepEqual(self_of([span('a', '', 0, 100)]), { a: 100 });
});

test('time in children is taken off, once where they overlap', () => {
  const spans = [
    span('a', '', 0, 100),
    span('b', 'a', 10, 40),
    span('c', 'a', 30, 60),
    span('d', 'a', 35, 38),
    span('e', 'a', 80, 90),
  ];
  assert.deepEqual(self_of(spans), { a: 40, b: 30, c: 30, d: 3, e: 10 });
});

test("what a child does outside its parent is not the parent's", () => {
  const spans = [
    span('a', '', 100, 200),
    span('early', 'a', 50, 110),
    span('late', 'a', 190, 500),
    span('after', 'a', 300, 400),
  ];
  assert.equal(self_of(spans).a, 80);
});

test('a child that covers everything leaves nothing; grandchildren do not count twice', () => {
  const spans = [span('a', '', 0, 100), span('b', 'a', 0, 100), span('c', 'b', 20, 90)];
  assert.deepEqual(self_of(spans), { a: 0, b: 30, c: 70 });
});

test('the longest self-time comes first, whatever the order of the spans', () => {
  const spans = [
    span('lookup', 'reserve', 36, 335),
    span('reserve', 'root', 35, 360),
    span('root', '', 0, 622),
    span('pay', 'root', 362, 620),
  ];
  assert.deepEqual(
    self_times(spans).map(({ span: { span_id } }) => span_id),
    ['lookup', 'pay', 'root', 'reserve'],
  );
});

// Against the definition, nanosecond by nanosecond, on random trees; the seed is the round.
test('self-times agree with counting every nanosecond', () => {
  for (let round = 1; round <= 50; round++) {
    let state = round;
    const random = (limit) => (state = (state * 48271) % 2147483647) % limit;
    const spans = [span('0', '', 0, 200)];
    for (let index = 1; index < 12; index++) {
      const start = random(200);
      spans.push(span(String(index), String(random(index)), start, start + random(80)));
    }
    for (const { span: parent, self_ns } of self_times(spans)) {
      const children = spans.filter((child) => child.parent_id === parent.span_id);
      let expected = 0;
      for (let at = parent.start_ns; at < parent.end_ns; at++) {
        if (!children.some((child) => child.start_ns <= at && at < child.end_ns)) expected++;
      }
      assert.equal(Number(self_ns), expected, `round ${round}, span ${parent.span_id}`);
    }
  }
});

const hex_span = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentSpanId: '00f067aa0ba902b7',
  name: 'slow_lookup',
  kind: 1,
  startTimeUnixNano: '1795258820123456789',
  endTimeUnixNano: '1795258820423456789',
  attributes: [
    { key: 'inventory.demand', value: { stringValue: 'high' } },
    { key: 'inventory.quantity', value: { intValue: '9' } },
    { key: 'list', value: { arrayValue: { values: [{ boolValue: true }, { doubleValue: 0.5 }] } } },
  ],
  status: { code: 2 },
};
const base64_span = {
  ...hex_span,
  traceId: Buffer.from(hex_span.traceId, 'hex').toString('base64'),
  spanId: Buffer.from(hex_span.spanId, 'hex').toString('base64'),
  parentSpanId: Buffer.from(hex_span.parentSpanId, 'hex').toString('base64'),
  kind: 'SPAN_KIND_INTERNAL',
  status: { code: 'STATUS_CODE_ERROR' },
};
const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'inventory-service' } }] };

test('both spellings of OTLP JSON read the same', () => {
  const [from_hex] = read_spans({
    trace: { resourceSpans: [{ resource, scopeSpans: [{ spans: [hex_span] }] }] },
  });
  const [from_base64] = read_spans({ batches: [{ resource, scopeSpans: [{ spans: [base64_span] }] }] });
  assert.deepEqual(from_hex, from_base64);
  assert.equal(from_hex.span_id, 'b7ad6b7169203331');
  assert.equal(from_hex.service, 'inventory-service');
  assert.equal(from_hex.kind, 'internal');
  assert.equal(from_hex.failed, true);
  assert.equal(duration_ms(from_hex), 300);
  assert.deepEqual(from_hex.attributes, {
    'inventory.demand': 'high',
    'inventory.quantity': 9,
    list: [true, 0.5],
  });
});

test('a trace that is none is refused; a root is a span whose parent is not there', () => {
  assert.throws(() => read_spans({ error: 'no' }), /no resourceSpans/);
  const spans = [span('a', '', 0, 9), span('b', 'a', 1, 2), span('c', 'lost', 3, 4)];
  assert.deepEqual(
    roots(spans).map(({ span_id }) => span_id),
    ['a', 'c'],
  );
});
