// The shipper against a small Loki of our own that takes pushes, refuses them, or is not there. What it receives is
// decoded here, independently of the encoder: a wrong field number or length does not cancel out.
import assert from 'node:assert/strict';
import http from 'node:http';
import { afterEach, test } from 'node:test';
import snappy from 'snappyjs';
import { encode_push_request, format_labels, LokiShipper } from './loki_shipper.mjs';

const labels = { service: 'order-service', container: 'order-service' };
let receiver;

afterEach(() => receiver?.close());

// answers: the statuses to give, the last one for ever.
async function start_receiver(answers = [204]) {
  const requests = [];
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      requests.push({
        path: request.url,
        content_type: request.headers['content-type'],
        body: Buffer.concat(chunks),
      });
      response.writeHead(answers.length > 1 ? answers.shift() : answers[0]).end('told you');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver = {
    requests,
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return receiver;
}

function create_shipper(options = {}) {
  return new LokiShipper({ url: receiver.url, labels, batch_wait_ms: 10, ...options });
}

// [[field number, value]] of one protobuf message: numbers as BigInt, the rest as bytes.
function read_message(bytes) {
  const fields = [];
  let at = 0;
  const read_varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(read_varint());
    if ((key & 7) === 0) {
      fields.push([key >> 3, read_varint()]);
    } else {
      assert.equal(key & 7, 2, 'wire type');
      const length = Number(read_varint());
      assert.ok(at + length <= bytes.length, 'length beyond the end');
      fields.push([key >> 3, bytes.subarray(at, at + length)]);
      at += length;
    }
  }
  return fields;
}

function read_push_request(bytes) {
  return read_message(bytes).map(([number, stream]) => {
    assert.equal(number, 1);
    const fields = read_message(stream);
    return {
      labels: fields.find(([field]) => field === 1)[1].toString(),
      entries: fields.filter(([field]) => field === 2).map(([, entry]) => read_entry(entry)),
    };
  });
}

function read_entry(bytes) {
  const fields = read_message(bytes);
  const timestamp = Object.fromEntries(read_message(fields.find(([field]) => field === 1)[1]));
  const pairs = fields
    .filter(([field]) => field === 3)
    .map(([, pair]) => read_message(pair).map(([, text]) => text.toString()));
  return {
    time_ns: timestamp[1] * 1000000000n + timestamp[2],
    line: fields.find(([field]) => field === 2)[1].toString(),
    metadata: Object.fromEntries(pairs),
  };
}

async function until(condition) {
  const end_ms = Date.now() + 5000;
  while (!condition()) {
    assert.ok(Date.now() < end_ms, 'waited 5 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('labels are written as Promtail writes them', () => {
  assert.equal(format_labels({ service: 'a', container: 'b' }), '{container="b", service="a"}');
  assert.equal(format_labels({ path: 'a"b\\c' }), '{path="a\\"b\\\\c"}');
});

test('a push request holds labels, times to the nanosecond, lines and metadata', () => {
  const entries = [
    { time_ns: 1795258820123456789n, line: '{"event":"bestellt für 3 €"}', metadata: {} },
    { time_ns: 1795258821000000000n, line: 'x'.repeat(70000), metadata: { traceId: 'abc', other: '1' } },
  ];
  const [stream] = read_push_request(encode_push_request(labels, entries));
  assert.equal(stream.labels, '{container="order-service", service="order-service"}');
  assert.deepEqual(stream.entries, entries);
});

test('lines arrive as snappy-compressed protobuf, in order, with growing times', async () => {
  await start_receiver();
  const before_ns = BigInt(Date.now()) * 1000000n;
  const shipper = create_shipper();
  for (let index = 0; index < 50; index++) shipper.push(`line ${index}`);
  await until(() => shipper.counters.sent === 50);
  assert.equal(receiver.requests.length, 1);
  assert.equal(receiver.requests[0].path, '/loki/api/v1/push');
  assert.equal(receiver.requests[0].content_type, 'application/x-protobuf');
  const [stream] = read_push_request(Buffer.from(snappy.uncompress(receiver.requests[0].body)));
  assert.deepEqual(
    stream.entries.map((entry) => entry.line),
    Array.from({ length: 50 }, (_, index) => `line ${index}`),
  );
  assert.ok(stream.entries[0].time_ns >= before_ns);
  for (let index = 1; index < 50; index++)
    assert.ok(stream.entries[index].time_ns > stream.entries[index - 1].time_ns);
  await shipper.close();
});

test('lines arrive as JSON, with structured metadata where there is some', async () => {
  await start_receiver();
  const shipper = create_shipper({ encoding: 'json' });
  shipper.push('first');
  shipper.push('second', { traceId: '0af7651916cd43dd8448eb211c80319c' });
  await until(() => shipper.counters.sent === 2);
  assert.equal(receiver.requests[0].content_type, 'application/json');
  const { streams } = JSON.parse(receiver.requests[0].body);
  assert.deepEqual(streams[0].stream, labels);
  assert.match(streams[0].values[0][0], /^\d{19}$/);
  assert.equal(streams[0].values[0].length, 2);
  assert.deepEqual(streams[0].values[1].slice(1), [
    'second',
    { traceId: '0af7651916cd43dd8448eb211c80319c' },
  ]);
  await shipper.close();
});

test('an overloaded server is asked again with the same batch', async () => {
  await start_receiver([503, 429, 204]);
  const shipper = create_shipper();
  shipper.push('kept');
  await until(() => shipper.counters.sent === 1);
  assert.equal(receiver.requests.length, 3);
  assert.deepEqual(receiver.requests[0].body, receiver.requests[2].body);
  assert.equal(shipper.counters.retried_requests, 2);
  assert.equal(shipper.last_error, '429 told you');
  await shipper.close();
});

test('a refused batch is given up, counted, and does not stop the next', async () => {
  await start_receiver([400, 204]);
  const shipper = create_shipper();
  shipper.push('refused');
  await until(() => shipper.counters.dropped_refused === 1);
  shipper.push('accepted');
  await until(() => shipper.counters.sent === 1);
  assert.equal(shipper.counters.retried_requests, 0);
  await shipper.close();
});

test('lines queued while the server is away arrive once it is back', async () => {
  await start_receiver();
  const { url } = receiver;
  receiver.close();
  const shipper = new LokiShipper({ url, labels, batch_wait_ms: 10 });
  shipper.push('early');
  await until(() => shipper.counters.retried_requests > 0);
  const server = http.createServer((request, response) =>
    request.resume().on('end', () => response.writeHead(204).end()),
  );
  await new Promise((resolve) => server.listen(Number(new URL(url).port), '127.0.0.1', resolve));
  receiver = { close: () => (server.closeAllConnections(), server.close()) };
  await until(() => shipper.counters.sent === 1);
  await shipper.close();
});

test('close() sends what is queued, and does not wait long for a server that is gone', async () => {
  await start_receiver();
  const shipper = create_shipper({ batch_wait_ms: 60000 });
  shipper.push('last words');
  await shipper.close();
  assert.equal(shipper.counters.sent, 1);

  const { url } = receiver;
  receiver.close();
  const orphan = new LokiShipper({ url, labels, batch_wait_ms: 1 });
  orphan.push('nobody hears this');
  await until(() => orphan.counters.retried_requests > 0);
  const begun_ms = Date.now();
  await orphan.close();
  assert.ok(Date.now() - begun_ms < 1000);
  assert.equal(orphan.counters.dropped_unreachable, 1);
});

test('the queue is bounded and tells what it lost', async () => {
  await start_receiver();
  const shipper = create_shipper({ batch_wait_ms: 60000 });
  for (let index = 0; index < 20010; index++) shipper.push('x');
  assert.equal(shipper.counters.dropped_queue_full, 10);
  await shipper.close();
  assert.equal(shipper.counters.sent, 20000);
});

test('a batch that is large goes out before its time and is split', async () => {
  await start_receiver();
  const shipper = create_shipper({ batch_wait_ms: 60000 });
  for (let index = 0; index < 5; index++) shipper.push('y'.repeat(400 * 1024));
  await until(() => shipper.counters.sent === 5);
  assert.ok(receiver.requests.length >= 3);
  await shipper.close();
});

test('an unknown encoding is refused', () => {
  assert.throws(
    () => new LokiShipper({ url: 'http://127.0.0.1:1', labels, encoding: 'xml' }),
    /unknown Loki push encoding xml/,
  );
});
