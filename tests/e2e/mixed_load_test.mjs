// Everything at once: senders of metrics, logs and traces, questions in the three languages, label and tag calls, a tail,
// rules that evaluate each second, scrapes, reloads, erasures and snapshots (which flush), and clients that go away in the
// middle of an answer. Nothing acknowledged is lost, no answer is a 5xx, and the server ends with code 0: under a
// sanitizer's build it would not. Made for `--server build/tsan/obelisk`.
// Usage: node tests/e2e/mixed_load_test.mjs --server BINARY [--seconds 8]
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { Checks, sleep, until } from './stack/checks.mjs';
import { Server, argument, freePorts, scratchDirectory } from './stack/server.mjs';

const seconds = Number(argument('seconds', '8'));
const checks = new Checks();
const [port] = await freePorts(1);
const server = new Server({
  binary: argument('server', 'build/release/obelisk'),
  directory: scratchDirectory('mixed'),
  config: ['admin_api: true', 'span_metrics_interval: 1s', 'prometheus_config: prometheus.yml', 'logs:', '  rule_files: [logs.yml]',
    '  discover_log_levels: true', 'traces:', '  rule_files: [traces.yml]'].join('\n'),
  files: {
    'prometheus.yml': `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: self
    static_configs: [{targets: ['127.0.0.1:${port}']}]
`,
    'rules.yml': `groups:
  - name: mixed
    interval: 1s
    rules:
      - {record: mixed:rate, expr: 'sum by (job) (rate(mixed_value[1h]))'}
      - {alert: Mixed, expr: 'mixed_value > 5', labels: {severity: page}, annotations: {summary: '{{ $value }} in {{ $labels.job }}'}}
`,
    'logs.yml': `groups:
  - name: lines
    interval: 1s
    rules:
      - {record: mixed:lines, expr: 'sum by (app) (count_over_time({app="mixed"}[1h]))'}
`,
    'traces.yml': `groups:
  - name: spans
    interval: 1s
    window: 1h
    query_offset: 0s
    rules:
      - {record: mixed:spans, expr: '{resource.service.name="mixed"} | rate() by (name)'}
`,
  },
});
server.ports = [port, ...(await freePorts(2))];
await server.start();

const RECORDS = 20;
const started = Date.now();
const hex = (number, digits) => number.toString(16).padStart(digits, '0');
const nanos = (number) => (BigInt(started) * 1_000_000n + BigInt(number) * 10_000n).toString();
const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'mixed' } }] };
const numbers = (request) => Array.from({ length: RECORDS }, (_, record) => request * RECORDS + record);
const senders = {
  logs: ['/loki/api/v1/push', (request) => ({
    streams: [0, 1].map((half) => ({
      stream: { app: 'mixed', half: String(half) },
      values: numbers(request).filter((n) => n % 2 === half).map((n) => [nanos(n), `level=${n % 7 ? 'info' : 'error'} number ${n} trace_id=${hex(n, 32)}`, { user: `u${n % 50}` }]),
    })),
  })],
  traces: ['/v1/traces', (request) => ({
    resourceSpans: [{ resource, scopeSpans: [{ spans: numbers(request).map((n) => ({
      traceId: hex(Math.floor(n / 5) + 1, 32), spanId: hex(n + 1, 16), parentSpanId: n % 5 ? hex(n, 16) : '', name: `step ${n % 5}`, kind: 1 + (n % 5),
      startTimeUnixNano: nanos(n), endTimeUnixNano: nanos(n + 100), status: { code: n % 7 ? 1 : 2 },
      attributes: [{ key: 'http.status_code', value: { intValue: String(200 + (n % 3) * 100) } }, { key: 'user', value: { stringValue: `u${n % 50}` } }],
    })) }] }],
  })],
  metrics: ['/v1/metrics', (request) => ({
    resourceMetrics: [{ resource, scopeMetrics: [{ metrics: [{ name: 'mixed_value', gauge: { dataPoints: numbers(request).map((n) => ({
      timeUnixNano: (BigInt(started + Math.floor(n / 20)) * 1_000_000n).toString(), asInt: '1', attributes: [{ key: 'number', value: { stringValue: String(n % 20) } }],
    })) } }] }] }],
  })],
};

// Two senders a signal share its numbers.
const acknowledged = { logs: 0, traces: 0, metrics: 0 };
const failures = [];
let next = { logs: 0, traces: 0, metrics: 0 };
const running = () => Date.now() - started < seconds * 1000;

async function send(signal) {
  const [path, body] = senders[signal];
  while (running()) {
    const { status, text } = await server.postJson(path, body(next[signal]++));
    if (status === 429) await sleep(50);
    else if (status >= 300) failures.push(`${path}: ${status} ${text.slice(0, 200)}`);
    else acknowledged[signal] += RECORDS;
  }
}

const encoded = (path, parameters) => `${path}?${new URLSearchParams(parameters)}`;
const range = () => ({ start: String(started / 1000 - 60), end: String(Date.now() / 1000 + 60) });
const asked = {
  promql: [
    () => encoded('/api/v1/query_range', { query: 'sum by (number) (rate(mixed_value[30s]))', step: '1', ...range() }),
    () => encoded('/api/v1/query_range', { query: 'histogram_quantile(0.9, sum by (le) (rate(traces_spanmetrics_latency_bucket[1m])))', step: '1', ...range() }),
    () => encoded('/api/v1/query', { query: 'count({__name__=~".+"})' }),
    () => encoded('/api/v1/series', { 'match[]': '{job=~".+"}', ...range() }),
    () => '/api/v1/label/__name__/values', () => '/api/v1/labels', () => '/api/v1/status/tsdb', () => '/api/v1/status/tsdb/blocks',
    () => '/api/v1/rules', () => '/api/v1/alerts', () => '/api/v1/targets', () => '/api/v1/metadata',
    () => encoded('/federate', { 'match[]': 'mixed_value' }),
  ],
  logql: [
    () => encoded('/loki/api/v1/query_range', { query: '{app="mixed"} | logfmt | level="error"', limit: '200', ...range() }),
    () => encoded('/loki/api/v1/query_range', { query: 'sum by (half) (count_over_time({app="mixed"} |= "number" [5s]))', step: '1', ...range() }),
    () => encoded('/loki/api/v1/query_range', { query: '{app=~".+"} |= "trace_id=0000" | user="u7"', limit: '50', direction: 'forward', ...range() }),
    () => encoded('/loki/api/v1/labels', range()), () => encoded('/loki/api/v1/series', { match: '{app="mixed"}', ...range() }),
    () => encoded('/loki/api/v1/index/volume', { query: '{app="mixed"}', ...range() }),
    () => encoded('/loki/api/v1/patterns', { query: '{app="mixed"}', ...range() }),
    () => encoded('/loki/api/v1/detected_fields', { query: '{app="mixed"}', ...range() }),
  ],
  traceql: [
    () => encoded('/api/search', { q: '{status=error && span.user="u7"} >> {kind=server}', limit: '20' }),
    () => encoded('/api/search', { q: '{resource.service.name="mixed"} | by(name) | count() > 0', limit: '20' }),
    () => encoded('/api/metrics/query_range', { q: '{} | quantile_over_time(duration, .9) by (name)', step: '1s', ...range() }),
    () => '/api/v2/search/tags', () => '/api/v2/search/tag/span.user/values',
    () => `/api/traces/${hex(1 + Math.floor(Math.random() * 20), 32)}`,
    () => encoded('/obelisk/api/v1/service-graph', range()), () => '/jaeger/api/services', () => '/obelisk/api/v1/queries',
  ],
  server: [() => '/metrics', () => '/status', () => '/status/config', () => '/api/v1/status/runtimeinfo', () => '/status/services', () => '/usage_metrics'],
};
const answers = {};

async function ask(kind) {
  for (let turn = 0; running(); ++turn) {
    const path = asked[kind][turn % asked[kind].length]();
    const response = await fetch(server.url + path);
    const text = await response.text();
    if (response.status >= 500 || (response.status >= 400 && response.status !== 404)) failures.push(`${path}: ${response.status} ${text.slice(0, 200)}`);
    else answers[kind] = (answers[kind] ?? 0) + 1;
  }
}

// Goes away while the answer is made, at another moment each time.
async function leave() {
  for (let turn = 0; running(); ++turn) {
    const kinds = Object.values(asked).flat();
    await fetch(server.url + kinds[turn % kinds.length](), { signal: AbortSignal.timeout(1 + (turn % 20)) }).then((response) => response.text()).catch(() => {});
  }
}

// A tail, read as bytes: Node 20 has no WebSocket of its own.
let tailed = 0;
async function tail() {
  while (running()) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('data', (data) => { tailed += data.toString('latin1').split('"streams"').length - 1; });
    socket.on('error', () => {});
    const path = encoded('/loki/api/v1/tail', { query: '{app="mixed"} |= "number"' });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`);
    await sleep(1500);
    socket.destroy();
  }
}

// What changes the store and the configuration while it is used. The erasures concern nothing that is sent.
async function operate() {
  const post = async (path) => {
    const response = await fetch(server.url + path, { method: 'POST' });
    const text = await response.text();
    if (response.status >= 300) failures.push(`POST ${path}: ${response.status} ${text.slice(0, 200)}`);
  };
  while (running()) {
    await post(encoded('/loki/api/v1/delete', { query: '{app="nobody"} |= "number"', start: String(started / 1000 - 60), end: String(Date.now() / 1000) }));
    await post(encoded('/api/v1/admin/tsdb/delete_series', { 'match[]': 'nothing_here' }));
    await post('/api/v1/admin/tsdb/snapshot');
    await post('/-/reload');
    await sleep(400);
  }
}

await checks.check('everything at once', async () => {
  const every = (count, run, ...args) => Array.from({ length: count }, () => run(...args));
  await Promise.all([
    ...Object.keys(senders).flatMap((signal) => every(2, send, signal)),
    ...Object.keys(asked).flatMap((kind) => every(2, ask, kind)),
    tail(), leave(), operate(),
  ]);
  assert.deepEqual(failures, []);
  for (const [signal, count] of Object.entries(acknowledged)) assert.ok(count > 0, `no ${signal} were taken`);
  for (const kind of Object.keys(asked)) assert.ok(answers[kind] > 0, `nothing was answered: ${kind}`);
  assert.ok(tailed > 0, 'the tail saw nothing');
  return JSON.stringify({ ...acknowledged, ...answers, tailed });
});

const single = (answer) => Number(answer.data.result[0]?.value[1] ?? 0);
const ahead = Math.floor(started / 1000) + seconds + 600;
await checks.check('every acknowledged log line is there once', async () =>
  assert.equal(single(await server.getJson(encoded('/loki/api/v1/query', { query: 'sum(count_over_time({app="mixed"}[1h]))', time: String(ahead) }))), acknowledged.logs));
await checks.check('every acknowledged sample is there once', async () =>
  assert.equal(single(await server.getJson(encoded('/api/v1/query', { query: 'sum(count_over_time(mixed_value[1h]))', time: String(ahead) }))), acknowledged.metrics));
await checks.check('every acknowledged span is there once', async () => {
  const answer = await server.getJson(encoded('/api/metrics/query', { q: '{resource.service.name="mixed"} | count_over_time()', start: String(Math.floor(started / 1000) - 60), end: String(ahead) }));
  assert.equal(Number(answer.series[0].value), acknowledged.traces);
});
await checks.check('rules of the three languages wrote their series', () => until('their series', async () => {
  const found = await server.getJson(encoded('/api/v1/query', { query: 'count by (__name__) ({__name__=~"mixed:.*"})' }));
  return found.data.result.length === 3;
}, 10));
await checks.check('the server ends with code 0', async () => {
  const { code, signal } = await server.stop();
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, server.output.slice(-8000));
});
process.exit(checks.finish());
