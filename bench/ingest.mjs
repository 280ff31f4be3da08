// Durable ingest per server core-second, by signal and batch size: ./dev bench ingest [--json FILE].
// The generator shares the machine, so only the server's own CPU time counts. Every answer is checked to be a success,
// which comes after fdatasync, and everything sent is counted again by a query at the end. The server's flush of what
// was sent is part of the measured time.
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { Message, snappyLiterals } from './protobuf.mjs';
import { row, finishReport } from './report.mjs';
import { Server, argument, scratchDirectory } from '../tests/e2e/stack/server.mjs';

const binary = argument('server', 'build/release/obelisk');
const scale = Number(argument('scale', '1'));
const connections = 4;

const nowNanos = () => BigInt(Date.now()) * 1_000_000n;
const attribute = (key, value) => {
  const any = new Message();
  if (typeof value === 'number') any.varint(3, value); else any.bytes(1, value);
  return new Message().bytes(1, key).message(2, any);
};

function traceRequest(spans, request) {
  const scope = new Message().message(1, new Message().bytes(1, 'bench').bytes(2, '1.0'));
  let trace, root;
  for (let i = 0; i < spans; ++i) {
    if (i % 20 === 0) { trace = randomBytes(16); root = randomBytes(8); }
    const start = nowNanos() - BigInt(1_000_000 * (i % 100));
    const span = new Message().bytes(1, trace).bytes(2, i % 20 === 0 ? root : randomBytes(8));
    if (i % 20 !== 0) span.bytes(4, root);
    span.bytes(5, `operation-${i % 20}`).varint(6, 1 + (i % 5)).fixed64(7, start).fixed64(8, start + BigInt(1000 * (1 + (i * 7919) % 50000)));
    span.message(9, attribute('http.request.method', i % 3 ? 'GET' : 'POST')).message(9, attribute('http.route', `/api/items/{id}/${i % 12}`))
      .message(9, attribute('http.response.status_code', i % 20 ? 200 : 500)).message(9, attribute('user.id', `user-${(request * spans + i) % 100000}`))
      .message(9, attribute('net.peer.name', `host-${i % 10}.internal`)).message(9, attribute('net.peer.port', 8000 + (i % 50)))
      .message(9, attribute('thread.id', i % 32)).message(9, attribute('db.statement', `SELECT * FROM t WHERE id = ${i % 1000}`))
      .message(9, attribute('db.rows', i % 17)).message(9, attribute('region', 'eu-west-1'));
    scope.message(2, span);
  }
  const resource = new Message().message(1, attribute('service.name', `service-${request % 8}`)).message(1, attribute('service.instance.id', `i-${request % 40}`));
  return new Message().message(1, new Message().message(1, resource).message(2, scope)).finish();
}

function logRequest(lines, request) {
  const stream = new Message().bytes(1, `{service="service-${request % 12}", host="host-${request % 10}"}`);
  const base = nowNanos();
  for (let i = 0; i < lines; ++i) {
    const nanos = base + BigInt(i);
    const time = new Message().varint(1, nanos / 1_000_000_000n).varint(2, nanos % 1_000_000_000n);
    const line = `level=info ts=${new Date().toISOString()} caller=handler.go:${i % 400} msg="request done" method=GET ` +
      `path=/api/items/${(i * 7919) % 100000} status=200 duration_ms=${i % 900} user=user-${(request * lines + i) % 100000}`;
    const entry = new Message().message(1, time).bytes(2, line);
    if (i % 2) entry.message(3, new Message().bytes(1, 'trace_id').bytes(2, randomBytes(16).toString('hex')));
    stream.message(2, entry);
  }
  return snappyLiterals(new Message().message(1, stream).finish());
}

function sampleRequest(series, request, group, step) {
  const write = new Message();
  for (let i = 0; i < series; ++i) {
    const number = group * series + i;
    const labels = [['__name__', `bench_metric_${number % 25}_total`], ['code', String(200 + (number % 4))], ['instance', `10.0.${number % 100}.1:9090`],
      ['job', `job-${number % 4}`], ['path', `/p/${Math.floor(number / 100)}`]];
    const timeseries = new Message();
    for (const [name, value] of labels) timeseries.message(1, new Message().bytes(1, name).bytes(2, value));
    timeseries.message(2, new Message().double(1, step * 10 + (number % 7)).varint(2, BigInt(Date.now() - 3_600_000 + step * 15_000)));
    write.message(1, timeseries);
  }
  return snappyLiterals(write.finish());
}

// Sends all payloads over a few kept-alive connections; rejects on the first answer that is no success.
async function sendAll(server, path, headers, payloads) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const url = new URL(path, server.url);
  let next = 0;
  const worker = async () => {
    while (next < payloads.length) {
      const payload = payloads[next++];
      await new Promise((resolve, reject) => {
        const request = http.request(url, { method: 'POST', agent, headers: { ...headers, 'content-length': payload.length } }, (response) => {
          let text = '';
          response.on('data', (data) => { text += data; });
          response.on('end', () => (response.statusCode < 300 ? resolve() : reject(new Error(`${path}: ${response.statusCode} ${text}`))));
        });
        request.on('error', reject);
        request.end(payload);
      });
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  agent.destroy();
}

async function measure(name, unit, rowsEach, path, headers, payloads, count) {
  const directory = scratchDirectory('bench');
  const server = await new Server({ binary, directory }).start();
  const cpuBefore = server.cpuSeconds();
  const started = performance.now();
  await sendAll(server, path, headers, payloads);
  const seconds = (performance.now() - started) / 1000;
  const rows = rowsEach * payloads.length;
  const counted = await count(server);
  if (counted !== rows) throw new Error(`${name}: sent ${rows}, the store has ${counted}`);
  // A clean stop flushes what is still in memory: the whole way to the parts is paid for.
  const pid = server.process.pid;
  const cpu = await stopAndMeasure(server, pid);
  const megabytes = payloads.reduce((sum, payload) => sum + payload.length, 0) / 1e6;
  row(`${name}, ${unit} per server core-second`, rows / (cpu - cpuBefore), `${unit}/s`);
  row(`${name}, wall`, rows / seconds, `${unit}/s`);
  row(`${name}, bytes sent`, megabytes, 'MB');
}

// The last CPU figure before the process is gone.
async function stopAndMeasure(server) {
  let last = server.cpuSeconds();
  const timer = setInterval(() => { try { last = server.cpuSeconds(); } catch { /* gone */ } }, 5);
  await server.stop();
  clearInterval(timer);
  return last;
}

const protobuf = { 'content-type': 'application/x-protobuf' };
const snappy = { ...protobuf, 'content-encoding': 'snappy' };
const promValue = async (server, query, time) => {
  const answer = await server.getJson(`/api/v1/query?${new URLSearchParams({ query, ...(time ? { time: String(time) } : {}) })}`);
  return Number(answer.data.result[0]?.value[1] ?? 0);
};
const logCount = async (server) => {
  const answer = await server.getJson(`/loki/api/v1/query?${new URLSearchParams({ query: 'sum(count_over_time({service=~".+"}[2h]))', time: String(Date.now() / 1000 + 60) })}`);
  return Number(answer.data.result[0]?.value[1] ?? 0);
};
const spanCount = async (server) => {
  const end = Math.ceil(Date.now() / 1000) + 10;
  const answer = await server.getJson(`/api/metrics/query_range?${new URLSearchParams({ q: '{} | count_over_time()', start: String(end - 3600), end: String(end), step: '3600s' })}`);
  return answer.series.flatMap((series) => series.samples).reduce((sum, sample) => sum + Number(sample.value), 0);
};

for (const [batch, requests] of [[1000, 200], [100, 500]]) {
  const payloads = Array.from({ length: Math.ceil(requests * scale) }, (_, i) => traceRequest(batch, i));
  await measure(`spans, OTLP/HTTP protobuf, ${batch} a request`, 'spans', batch, '/v1/traces', protobuf, payloads, spanCount);
}
for (const [batch, requests] of [[5000, 100], [500, 400]]) {
  const payloads = Array.from({ length: Math.ceil(requests * scale) }, (_, i) => logRequest(batch, i));
  await measure(`log lines, Loki push snappy protobuf, ${batch} a request`, 'lines', batch, '/loki/api/v1/push', snappy, payloads, logCount);
}
{
  const series = 2000, groups = 10, steps = Math.ceil(40 * scale);
  const payloads = [];
  for (let step = 0; step < steps; ++step) for (let group = 0; group < groups; ++group) payloads.push(sampleRequest(series, 0, group, step));
  await measure(`samples, remote write 1.0, ${series} a request, ${series * groups} series`, 'samples', series, '/api/v1/write', snappy, payloads,
    (server) => promValue(server, 'sum(count_over_time({__name__=~"bench_metric_.*"}[2h]))'));
}
finishReport();
process.exit(0);
