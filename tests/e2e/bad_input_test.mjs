// What strangers send: malformed, truncated, oversized, nested and compressed nonsense, unknown paths, bad queries, and a
// disk that fills up. Every case has the status and the words it must be answered with, and a good request must work
// right after it, in bounded memory.
// Usage: node tests/e2e/bad_input_test.mjs --server BINARY
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import path from 'node:path';
import zlib from 'node:zlib';
import { Message } from '../../bench/protobuf.mjs';
import { Checks } from './stack/checks.mjs';
import { Server, argument, scratchDirectory } from './stack/server.mjs';

const binary = argument('server', 'build/release/obelisk');
const checks = new Checks();
const test = (name, run) => checks.check(name, run);

const server = await new Server({ binary, directory: scratchDirectory('bad-input') }).start();
const json = { 'content-type': 'application/json' };
const protobuf = { 'content-type': 'application/x-protobuf' };

async function send(method, pathname, headers = {}, body) {
  const response = await fetch(server.url + pathname, { method, headers, body });
  return { status: response.status, text: await response.text() };
}

async function expectAnswer(name, request, statuses, words) {
  await test(name, async () => {
    const { status, text } = await send(...request);
    assert.ok(statuses.includes(status), `status ${status}, expected ${statuses}: ${text.slice(0, 300)}`);
    assert.match(text, words, `answer: ${text.slice(0, 300)}`);
    const good = await server.getJson('/api/v1/query?query=1');
    assert.equal(good.data.result[1], '1');
  });
}

const query = (text) => `/api/v1/query?${new URLSearchParams({ query: text })}`;
const logs = (text, extra = {}) => `/loki/api/v1/query_range?${new URLSearchParams({ query: text, ...extra })}`;
const traces = (text) => `/api/search?${new URLSearchParams({ q: text })}`;

// Paths and methods.
await expectAnswer('unknown path', ['GET', '/nowhere'], [404], /nowhere/);
await expectAnswer('unknown API path', ['GET', '/api/v1/nowhere'], [404], /nowhere|not found/i);
await expectAnswer('wrong method', ['DELETE', '/v1/traces'], [405], /method|allow/i);
await expectAnswer('path traversal', ['GET', '/../../etc/passwd'], [400, 404], /./);
await expectAnswer('encoded path traversal', ['GET', '/%2e%2e/%2e%2e/etc/passwd'], [400, 404], /./);

// Decoders.
const truncated = Buffer.from('0aff01', 'hex');
for (const signal of ['traces', 'metrics', 'logs']) {
  await expectAnswer(`OTLP ${signal}: truncated protobuf`, ['POST', `/v1/${signal}`, protobuf, truncated], [400], /./);
  await expectAnswer(`OTLP ${signal}: not JSON`, ['POST', `/v1/${signal}`, json, '{"resource'], [400], /./);
  await expectAnswer(`OTLP ${signal}: content type`, ['POST', `/v1/${signal}`, { 'content-type': 'text/html' }, 'x'], [415], /content|type|text\/html/i);
  await expectAnswer(`OTLP ${signal}: content encoding`, ['POST', `/v1/${signal}`, { ...protobuf, 'content-encoding': 'br' }, 'x'], [400, 415], /br|encoding/i);
  await expectAnswer(`OTLP ${signal}: damaged gzip`, ['POST', `/v1/${signal}`, { ...protobuf, 'content-encoding': 'gzip' }, 'no gzip'], [400], /gzip/);
}
// An attribute whose value is a list in a list, 20,000 deep.
let value = new Message().bytes(1, 'x');
for (let depth = 0; depth < 20000; ++depth) {
  const bytes = value.finish();
  value = new Message().message(5, new Message().bytes(1, bytes));
}
const nested = new Message().message(1, new Message().message(1, new Message().message(1, new Message().bytes(1, 'deep').message(2, value)))
  .message(2, new Message().message(2, new Message().bytes(1, Buffer.alloc(16, 7)).bytes(2, Buffer.alloc(8, 7)).fixed64(7, 1n).fixed64(8, 2n)))).finish();
await expectAnswer('OTLP logs: nested 10,000 deep in JSON', ['POST', '/v1/logs', json, `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${'{"arrayValue":{"values":['.repeat(10000)}${']}}'.repeat(10000)}}]}]}]}`], [400], /./);
await expectAnswer('OTLP traces: nested protobuf', ['POST', '/v1/traces', protobuf, nested], [400], /./);
const bomb = zlib.gzipSync(Buffer.alloc(256 << 20));
await expectAnswer(`gzip bomb of ${bomb.length} bytes`, ['POST', '/v1/traces', { ...protobuf, 'content-encoding': 'gzip' }, bomb], [400, 413], /limit|large|exceed|more than/i);
await expectAnswer('body over the limit', ['POST', '/v1/traces', protobuf, Buffer.alloc(65 << 20)], [413], /./);
await expectAnswer('remote write: not snappy', ['POST', '/api/v1/write', { ...protobuf, 'content-encoding': 'snappy' }, 'not snappy at all'], [400], /snappy/i);
await expectAnswer('Loki push: not JSON', ['POST', '/loki/api/v1/push', json, '{"streams": ['], [400], /./);
await expectAnswer('Loki push: a number as time', ['POST', '/loki/api/v1/push', json, '{"streams":[{"stream":{"a":"b"},"values":[[1,"x"]]}]}'], [400], /./);
await expectAnswer('Loki push: stream without labels', ['POST', '/loki/api/v1/push', json, `{"streams":[{"stream":{},"values":[["${Date.now()}000000","x"]]}]}`], [400], /at least one label pair is required per stream/);

await test('partial success keeps the good spans', async () => {
  const span = (traceId) => ({ traceId, spanId: '00f067aa0ba902b7', name: 'partial', startTimeUnixNano: `${Date.now()}000000`, endTimeUnixNano: `${Date.now()}000000` });
  const good = 'aaaabbbbccccddddaaaabbbbccccdddd';
  const body = { resourceSpans: [{ scopeSpans: [{ spans: [span('00'), span(good)] }] }] };
  const { status, text } = await server.postJson('/v1/traces', body);
  assert.equal(status, 200, text);
  const answer = JSON.parse(text);
  assert.equal(String(answer.partialSuccess.rejectedSpans), '1', text);
  assert.ok(answer.partialSuccess.errorMessage.length > 0);
  assert.equal((await send('GET', `/api/v2/traces/${good}`)).status, 200);
});

// Queries: status, and the position where it can be known.
await expectAnswer('PromQL syntax', ['GET', query('sum(rate(x[5m])')], [400], /"errorType":"bad_data".*1:|1:.*"/);
await expectAnswer('PromQL type', ['GET', query('rate(x)')], [400], /range vector/);
await expectAnswer('PromQL unknown function', ['GET', query('nope(x)')], [400], /nope/);
await expectAnswer('PromQL without a query', ['GET', '/api/v1/query'], [400], /bad_data/);
await expectAnswer('PromQL nested deep', ['POST', '/api/v1/query', { 'content-type': 'application/x-www-form-urlencoded' }, `query=${'('.repeat(50000)}1${')'.repeat(50000)}`], [400], /deep|nest|depth/i);
await expectAnswer('PromQL too many points', ['GET', '/api/v1/query_range?query=1&start=0&end=1000000&step=1'], [400], /11,000|11000|exceeded maximum resolution/);
await expectAnswer('PromQL bad time', ['GET', '/api/v1/query?query=1&time=yesterday'], [400], /yesterday|time/);
await expectAnswer('LogQL syntax', ['GET', logs('{a="b"')], [400], /parse error at line 1, col \d+/);
await expectAnswer('LogQL selector that takes everything', ['GET', logs('{a=~".*"}')], [400], /at least one/);
await expectAnswer('LogQL regular expression', ['GET', logs('{a="b"} |~ "("')], [400], /./);
await expectAnswer('LogQL limit', ['GET', logs('{a="b"}', { limit: '999999' })], [400], /max entries limit/);
await expectAnswer('TraceQL syntax', ['GET', traces('{ name = ')], [400], /line 1|col|position|unexpected/i);
await expectAnswer('trace id that is none', ['GET', '/api/v2/traces/xyz'], [400], /./);
await expectAnswer('trace that is not there', ['GET', '/api/v2/traces/0123456789abcdef0123456789abcdef'], [404], /./);
await expectAnswer('regular expression of 100 kB', ['POST', '/api/v1/query', { 'content-type': 'application/x-www-form-urlencoded' }, `query=${encodeURIComponent(`{a=~"${'(x|y)'.repeat(20000)}"}`)}`], [400, 413, 422], /./);

// Below HTTP.
function raw(bytes) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (data) => { answer += data.toString('latin1'); });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
    socket.setTimeout(15000, () => { socket.destroy(); reject(new Error('no answer within 15 s')); });
    socket.write(bytes);
  });
}
const rawCases = [
  ['a request line of nonsense', 'NONSENSE\r\n\r\n', /^HTTP\/1\.1 400/],
  ['headers of 1 MB', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(1 << 20)}\r\n\r\n`, /^HTTP\/1\.1 (431|400)/],
  ['a negative length', 'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n', /^HTTP\/1\.1 400/],
  ['two lengths', 'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello', /^HTTP\/1\.1 400/],
];
for (const [name, bytes, answer] of rawCases) await test(name, async () => assert.match(await raw(bytes), answer));

// Hostile but valid telemetry comes back as it was sent.
await test('script tags, NUL bytes and right-to-left text survive unharmed', async () => {
  const text = '<script>alert(1)</script> \u0000 \u202e \ud83d\ude00';
  const { status } = await server.postJson('/loki/api/v1/push', { streams: [{ stream: { app: 'hostile' }, values: [[`${Date.now()}000000`, text]] }] });
  assert.equal(status, 204);
  const answer = await server.getJson(logs('{app="hostile"}'));
  assert.equal(answer.data.result[0].values[0][1], text);
});

await test('bounded memory after all this', async () => {
  const megabytes = server.residentBytes() / 1e6;
  assert.ok(megabytes < 700, `resident memory is ${megabytes.toFixed(0)} MB`);
});
await test('the server counts what it refused and stops cleanly', async () => {
  const own = (await send('GET', '/metrics')).text;
  assert.match(own, /^obelisk_[a-z_]*(rejected|refused)[a-z_]*\{?.* [1-9]/m);
  const { code } = await server.stop();
  assert.equal(code, 0, server.output.slice(-2000));
});

// Disk full: a file system of its own, where that is allowed.
async function diskFull() {
  const mount = path.join(scratchDirectory('disk-full'), 'small');
  mkdirSync(mount);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', mount], { stdio: 'pipe' });
  } catch {
    console.log('skipped: disk full on a real file system needs the right to mount tmpfs (the engine test covers it with a failing disk)');
    return;
  }
  const full = new Server({ binary, directory: mount });
  try {
    await full.start();
    const push = (request) => full.postJson('/loki/api/v1/push', {
      streams: [{ stream: { app: 'full' }, values: Array.from({ length: 200 }, (_, i) => [`${Date.now()}${String(i).padStart(6, '0')}`, `${request} ${randomBytes(1500).toString('base64')}`]) }],
    });
    let acknowledged = 0;
    let refused;
    for (let request = 0; request < 2000 && !refused; ++request) {
      const answer = await push(request);
      if (answer.status === 204) ++acknowledged; else refused = answer;
    }
    await test('disk full: writes are refused with a clear error', async () => {
      assert.ok(refused, 'the disk never filled');
      assert.ok([500, 503, 507].includes(refused.status), `status ${refused.status}`);
      assert.match(refused.text, /space|full/i);
    });
    const count = async () => Number((await full.getJson(`/loki/api/v1/query?${new URLSearchParams({ query: 'sum(count_over_time({app="full"}[1h]))' })}`)).data.result[0].value[1]);
    await test('disk full: reads go on and see what was acknowledged', async () => assert.equal(await count(), acknowledged * 200));
    execFileSync('mount', ['-o', 'remount,size=512m', mount]);
    await test('disk full: writes go on without a restart once there is space', async () => {
      const deadline = Date.now() + 20000;
      let answer;
      do { answer = await push(999999); if (answer.status !== 204) await new Promise((resolve) => setTimeout(resolve, 200)); } while (answer.status !== 204 && Date.now() < deadline);
      assert.equal(answer.status, 204, answer.text);
      assert.equal(await count(), (acknowledged + 1) * 200);
    });
  } finally {
    await full.stop();
    execFileSync('umount', [mount]);
  }
}
await diskFull();

process.exit(checks.finish());
