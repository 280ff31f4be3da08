// Traces archived by Jaeger's API: they outlive retention, kill -9 and restarts, whole and in every field; they belong to one
// tenant; and nothing but a look-up by id finds them.
// Usage: node tests/e2e/trace_archive_test.mjs --server BINARY
import assert from 'node:assert/strict';
import { Checks, until } from './stack/checks.mjs';
import { Server, argument, scratchDirectory } from './stack/server.mjs';

const binary = argument('server', 'build/release/obelisk');
const checks = new Checks();
const test = (name, run) => checks.check(name, run);
const server = await new Server({
  binary, directory: scratchDirectory('trace-archive'),
  config: 'multi_tenancy: true\nretention: {traces: 1d}\ntraces: {archive_spans_max: 40}\n',
}).start();

const as = (tenant) => ({ 'x-scope-orgid': tenant });
const ask = (tenant, path, options = {}) => fetch(server.url + path, { ...options, headers: { ...as(tenant), ...options.headers } });
const nanos = (secondsAgo, more = 0) => String(BigInt(Date.now() - secondsAgo * 1000) * 1_000_000n + BigInt(more));
const old = 3 * 86400;  // beyond retention already: it goes with the first look at it

function trace(id, spans, secondsAgo) {
  const traceId = id.padStart(32, '0');
  return { resourceSpans: [{
    resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }, { key: 'host.cpus', value: { intValue: '8' } }] },
    scopeSpans: [{ scope: { name: 'library', version: '1.2' }, spans: Array.from({ length: spans }, (_, i) => ({
      traceId, spanId: (i + 1).toString(16).padStart(16, '0'), parentSpanId: i === 0 ? '' : '1'.padStart(16, '0'), name: `span ${i}`, kind: 2,
      traceState: 'ot=th:8', startTimeUnixNano: nanos(secondsAgo, i), endTimeUnixNano: nanos(secondsAgo, i + 5_000_000),
      attributes: [
        { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '3' }] } } },
        { key: 'map', value: { kvlistValue: { values: [{ key: 'deep', value: { boolValue: true } }] } } }, { key: 'ratio', value: { doubleValue: 0.5 } }],
      events: [{ timeUnixNano: nanos(secondsAgo, i + 1), name: 'retry', attributes: [{ key: 'attempt', value: { intValue: '2' } }] }],
      links: [{ traceId: 'f'.repeat(32), spanId: 'e'.repeat(16), attributes: [{ key: 'why', value: { stringValue: 'batch' } }] }],
      status: { code: 2, message: 'card declined' },
    })) }],
  }] };
}
async function send(tenant, body) {
  const response = await ask(tenant, '/v1/traces', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  assert.equal(response.status, 200, await response.text());
}
const archive = (tenant, id, method = 'POST') => ask(tenant, `/jaeger/api/archive/${id}`, { method });
async function whole(tenant, id) {
  const response = await ask(tenant, `/api/v2/traces/${id}`);
  assert.equal(response.status, 200, `${id}: ${response.status}`);
  return (await response.json()).trace;
}

let before;
await test('archived as it is stored', async () => {
  await send('red', trace('a1', 20, old));
  await send('red', trace('a2', 5, old));
  before = await whole('red', 'a1');
  const response = await archive('red', 'a1');
  assert.deepEqual([response.status, await response.json()], [200, { data: [], total: 0, limit: 0, offset: 0, errors: null }]);
  assert.deepEqual(await whole('red', 'a1'), before);
  assert.equal((await archive('red', 'a1')).status, 200);
});
await test('after kill -9 at once', async () => {
  await server.stop('SIGKILL');
  await server.start();
  assert.deepEqual(await whole('red', 'a1'), before);
});
await test('retention drops what is not archived', async () => {
  await server.stop();  // what is in memory goes to parts, which retention looks at once a minute and at the start
  await server.start();
  await until('the trace that was not archived is gone', async () => (await ask('red', '/api/v2/traces/a2')).status === 404, 90);
  assert.deepEqual(await whole('red', 'a1'), before);
});
await test('every look-up by id finds it', async () => {
  assert.equal((await (await ask('red', '/jaeger/api/traces/a1')).json()).data[0].spans.length, 20);
  assert.equal((await (await ask('red', '/api/v2/trace/a1')).json()).length, 20);
  assert.equal((await (await ask('red', '/api/v3/traces/a1')).json()).result.resourceSpans[0].scopeSpans[0].spans.length, 20);
  assert.equal((await ask('red', '/api/traces/a1', { headers: { accept: 'application/protobuf' } })).status, 200);
  const outline = await (await ask('red', '/obelisk/api/v1/traces/a1/overview')).json();
  assert.equal(outline.spans, 20, JSON.stringify(outline));
  const found = await (await ask('red', `/obelisk/api/v1/traces/a1/search?q=${encodeURIComponent('{ name = "span 7" }')}`)).json();
  assert.equal(found.spans.length, 1, JSON.stringify(found));
});
await test('nothing else finds it', async () => {
  assert.deepEqual((await (await ask('red', '/api/search?q={}')).json()).traces, []);
  assert.deepEqual((await (await ask('red', '/jaeger/api/services')).json()).data, []);
});
await test('tenants have archives of their own', async () => {
  assert.equal((await ask('blue', '/api/v2/traces/a1')).status, 404);
  assert.equal((await archive('blue', 'a1')).status, 404);
  assert.equal((await ask('red/archive', '/api/v2/traces/a1')).status, 400);
  assert.equal((await ask('blue|red', '/api/v2/traces/a1')).status, 200);
  assert.equal((await archive('blue|red', 'a1')).status, 400);
});
await test('bounded, counted, and emptied again', async () => {
  await send('red', trace('a3', 30, 10));
  const full = await archive('red', 'a3');
  assert.equal(full.status, 413);
  assert.match(await full.text(), /archive_spans_max/);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  assert.match(metrics, /obelisk_archive_refused_total 1/);
  assert.equal((await archive('red', 'a1', 'DELETE')).status, 200);
  assert.equal((await archive('red', 'a1', 'DELETE')).status, 404);
  assert.equal((await ask('red', '/api/v2/traces/a1')).status, 404);
});

await server.stop();
process.exit(checks.finish());
