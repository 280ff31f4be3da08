// kill -9 at random moments under load of all three signals. After each restart every acknowledged record must be
// there exactly once, every unacknowledged request wholly or not at all, and no stored block damaged.
// Usage: node tests/e2e/crash_test.mjs --server BINARY [--runs 50] [--seed N]
import assert from 'node:assert/strict';
import { Server, argument, scratchDirectory } from './stack/server.mjs';

const binary = argument('server', 'build/release/obelisk');
const runs = Number(argument('runs', '50'));
const seed = Number(argument('seed', String(Date.now() % 1_000_000)));
const RECORDS = 7; // a request

function mulberry(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const random = mulberry(seed);
const started = Date.now();
const baseNanos = BigInt(started) * 1_000_000n;
const hex = (number, digits) => number.toString(16).padStart(digits, '0');
const traceId = (request) => hex(0xabc, 8) + hex(seed, 8) + hex(request + 1, 16);
const nanosOf = (request, record) => (baseNanos + BigInt(request * RECORDS + record) * 1_000_000n).toString();

const signals = {
  logs: {
    path: '/loki/api/v1/push',
    body: (request) => ({
      streams: [{
        stream: { app: 'crash' },
        values: Array.from({ length: RECORDS }, (_, record) => [nanosOf(request, record), `request ${request} record ${record} end`]),
      }],
    }),
  },
  spans: {
    path: '/v1/traces',
    senders: 4, // requests that come together are stored as one
    body: (request) => ({
      resourceSpans: [{
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'crash' } }] },
        scopeSpans: [{
          spans: Array.from({ length: RECORDS }, (_, record) => ({
            traceId: traceId(request), spanId: hex(request * RECORDS + record + 1, 16), name: `record ${record}`, kind: 2,
            startTimeUnixNano: nanosOf(request, record), endTimeUnixNano: nanosOf(request, record + 1),
          })),
        }],
      }],
    }),
  },
  metrics: {
    path: '/v1/metrics',
    body: (request) => ({
      resourceMetrics: [{
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'crash' } }] },
        scopeMetrics: [{
          metrics: [{
            name: 'crash_value',
            gauge: {
              dataPoints: Array.from({ length: RECORDS }, (_, record) => ({
                timeUnixNano: nanosOf(request, record), asDouble: request * RECORDS + record,
              })),
            },
          }],
        }],
      }],
    }),
  },
};

// What the clients know: request number -> acknowledged?
const sent = { logs: new Map(), spans: new Map(), metrics: new Map() };

async function loadUntilKilled(server, signal, state) {
  const { path, body } = signals[signal];
  while (!state.killed) {
    const request = sent[signal].size;
    sent[signal].set(request, false);
    try {
      const { status } = await server.postJson(path, body(request));
      if (status >= 200 && status < 300) sent[signal].set(request, true);
      else if (!state.killed) throw new Error(`${path} answered ${status}`);
    } catch (error) {
      if (!state.killed) throw error;
    }
  }
}

function judge(signal, found, looked = sent[signal].keys()) {
  for (const request of looked) {
    const acknowledged = sent[signal].get(request);
    const records = found.get(request) ?? [];
    if (acknowledged || records.length > 0) {
      assert.deepEqual([...records].sort((a, b) => a - b), Array.from({ length: RECORDS }, (_, i) => i),
        `${signal}: request ${request} (${acknowledged ? 'acknowledged' : 'not acknowledged'}) has records [${records}]`);
    }
  }
  for (const request of found.keys()) assert.ok(sent[signal].has(request), `${signal}: request ${request} was never sent`);
}

function note(found, number, record) {
  if (!found.has(number)) found.set(number, []);
  found.get(number).push(record);
}

// Traces are looked up one by one: those sent since the last check, and a sample of the older ones.
function tracesToLookUp(checkedBefore, all) {
  const looked = [];
  const share = all ? 1 : Math.min(1, 100 / Math.max(1, checkedBefore));
  for (const request of sent.spans.keys()) if (request >= checkedBefore || random() < share) looked.push(request);
  return looked;
}

async function verify(server, checkedBefore, all) {
  const end = (baseNanos + 3_600_000_000_000n).toString();
  const logs = new Map();
  let from = baseNanos;
  for (;;) {
    const query = new URLSearchParams({ query: '{app="crash"}', start: from.toString(), end, limit: '5000', direction: 'forward' });
    const answer = await server.getJson(`/loki/api/v1/query_range?${query}`);
    const values = answer.data.result.flatMap((stream) => stream.values);
    for (const [nanos, line] of values) {
      const [, request, record] = /^request (\d+) record (\d+) end$/.exec(line);
      assert.equal(nanos, nanosOf(Number(request), Number(record)));
      note(logs, Number(request), Number(record));
    }
    if (values.length < 5000) break;
    // Times are unique, so the next page starts right after the last line.
    from = values.map(([nanos]) => BigInt(nanos)).reduce((a, b) => (a > b ? a : b)) + 1n;
  }
  judge('logs', logs);

  const metrics = new Map();
  const query = new URLSearchParams({ query: 'crash_value[2h]', time: String(started / 1000 + 3600) });
  const answer = await server.getJson(`/api/v1/query?${query}`);
  for (const series of answer.data.result) {
    for (const [time, value] of series.values) {
      const number = Number(value);
      assert.equal(Math.round(time * 1000), started + number, `metrics: value ${value} at ${time}`);
      note(metrics, Math.floor(number / RECORDS), number % RECORDS);
    }
  }
  judge('metrics', metrics);

  const spans = new Map();
  const looked = tracesToLookUp(checkedBefore, all);
  for (const request of looked) {
    const response = await fetch(`${server.url}/api/v2/traces/${traceId(request)}`);
    const text = await response.text();
    if (response.status === 404) continue;
    assert.equal(response.status, 200, text);
    for (const resource of JSON.parse(text).trace.resourceSpans) {
      for (const scope of resource.scopeSpans) {
        for (const span of scope.spans) note(spans, request, Number(/^record (\d+)$/.exec(span.name)[1]));
      }
    }
  }
  judge('spans', spans, looked);

  const own = await (await fetch(`${server.url}/metrics`)).text();
  const failures = /^obelisk_storage_checksum_failures_total (\d+)$/m.exec(own);
  assert.ok(failures, 'the server reports obelisk_storage_checksum_failures_total');
  assert.equal(failures[1], '0', 'damaged blocks');
  const damaged = /^obelisk_wal_damaged_regions_total (\d+)$/m.exec(own);
  assert.equal(damaged?.[1] ?? '0', '0', 'damaged log frames');
}

const directory = scratchDirectory('crash');
console.log(`crash_test: ${runs} runs, seed ${seed}`);
const server = new Server({ binary, directory });
await server.start();
for (let run = 1; run <= runs; ++run) {
  const before = sent.spans.size;
  const state = { killed: false };
  const loads = Object.entries(signals).flatMap(([signal, { senders = 1 }]) =>
    Array.from({ length: senders }, () => loadUntilKilled(server, signal, state)));
  // A load that fails for another reason than the kill must end the test, not hang it.
  const watched = Promise.all(loads);
  await Promise.race([watched, new Promise((resolve) => setTimeout(resolve, 50 + random() * 450))]);
  state.killed = true;
  server.process.kill('SIGKILL');
  await server.exited;
  await watched;
  await server.start();
  await verify(server, before, run === runs);
  if (run % 10 === 0 || run === runs) {
    const acknowledged = (signal) => [...sent[signal].values()].filter(Boolean).length;
    console.log(`run ${run}: acknowledged and found ${acknowledged('logs')} log, ${acknowledged('spans')} span, ` +
      `${acknowledged('metrics')} metric requests; ready again after ${server.startMillis.toFixed(0)} ms`);
  }
}
await server.stop();
console.log(`${runs} passed, 0 failed`);
process.exit(0);
