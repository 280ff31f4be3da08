// A tenant's own settings over HTTP and what the server says of itself, on a running server: overrides change the metrics that
// are made of spans at once and over a restart, and touch no other tenant; the status pages; bytes by attributes.
// Usage: node tests/e2e/tempo_settings_test.mjs --server BINARY
import assert from 'node:assert/strict';
import { Checks, until } from './stack/checks.mjs';
import { Server, argument, scratchDirectory } from './stack/server.mjs';

const binary = argument('server', 'build/release/obelisk');
const directory = scratchDirectory('tempo-settings');
const options = {
  binary, directory,
  config: `
multi_tenancy: true
admin_api: true
span_metrics_interval: 1s
service_graph: {wait: 1s}
traces: {limits: {tenants: {narrow: {rate_limit_bytes: 1, burst_size_bytes: 1000}, brisk: {rate_limit_bytes: 1000}}}}
`,
};
let server = await new Server(options).start();
const checks = new Checks();
const test = (name, run) => checks.check(name, run);

async function call(method, path, { tenant = 'red', body, headers = {} } = {}) {
  const response = await fetch(server.url + path, { method, body, headers: { ...(tenant ? { 'x-scope-orgid': tenant } : {}), ...headers } });
  return { status: response.status, etag: response.headers.get('etag'), type: response.headers.get('content-type'), text: await response.text() };
}
const overrides = (method, body, match, tenant) => call(method, '/api/overrides', { tenant, body: body && JSON.stringify(body), headers: match ? { 'if-match': match } : {} });

let traces = 0;
async function send(tenant, name, attributes = {}) {
  const start = BigInt(Date.now()) * 1_000_000n;
  const text = (key, value) => ({ key, value: { stringValue: value } });
  const trace = String(++traces).padStart(32, '0');
  const body = { resourceSpans: [{ resource: { attributes: [text('service.name', 'shop'), text('team', 'carts')] }, scopeSpans: [{ spans: [{
    traceId: trace, spanId: '0000000000000001', name, kind: 2, startTimeUnixNano: String(start), endTimeUnixNano: String(start + 5_000_000n),
    attributes: Object.entries(attributes).map(([key, value]) => text(key, value)) }] }] }] };
  const response = await fetch(`${server.url}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-scope-orgid': tenant }, body: JSON.stringify(body) });
  assert.equal(response.status, 200, await response.text());
}
async function series(tenant, query) {
  const { status, text } = await call('GET', `/api/v1/query?query=${encodeURIComponent(query)}`, { tenant });
  assert.equal(status, 200, text);
  return JSON.parse(text).data.result;
}

let version;
await test('overrides change what is made of spans, for one tenant', async () => {
  await send('red', 'GET /users/1', { route: '/users' });
  await send('blue', 'GET /users/1', { route: '/users' });
  await until('both tenants have span metrics', async () => (await series('red', 'traces_spanmetrics_calls_total')).length === 1 && (await series('blue', 'traces_spanmetrics_calls_total')).length === 1);
  assert.equal((await overrides('GET')).status, 404);
  assert.equal((await overrides('POST', {})).status, 428);
  const set = await overrides('POST', { cost_attribution: { dimensions: { team: 'team' } }, metrics_generator: { processors: ['span-metrics-count'],
    span_name_sanitization: 'enabled', processor: { span_metrics: { dimensions: ['route'] } } } }, '0');
  assert.equal(set.status, 200, set.text);
  version = set.etag;
  const stored = await overrides('GET');
  assert.equal(stored.etag, version);
  assert.deepEqual(JSON.parse(stored.text).metrics_generator.processors, ['span-metrics-count']);
  assert.deepEqual(Object.keys(JSON.parse(stored.text).metrics_generator.processor).sort(), ['host_info', 'service_graphs', 'span_metrics']);
  for (let i = 0; i < 5; ++i) {
    await send('red', `GET /users/${i}`, { route: '/users' });
    await send('blue', `GET /users/${i}`, { route: '/users' });
  }
  const mine = await until('the own dimension', async () => {
    const found = await series('red', 'traces_spanmetrics_calls_total{route="/users"}');
    return found.length > 0 && Number(found[0].value[1]) === 5 && found;
  });
  assert.equal(mine.length, 1, 'five names are one');
  assert.equal(mine[0].metric.span_name, 'GET /users/<_>');
  assert.equal((await series('red', 'traces_spanmetrics_size_total{route="/users"}')).length, 0, 'only what was asked for');
  await until('the other tenant has a series a name', async () => (await series('blue', 'traces_spanmetrics_calls_total{route=""}')).length === 5);
  assert.equal((await series('blue', 'traces_spanmetrics_calls_total{route!=""}')).length, 0);
});

await test('nobody overwrites what he has not seen', async () => {
  assert.equal((await overrides('POST', {}, '0')).status, 412);
  assert.equal((await overrides('POST', {}, 'nonsense')).status, 412);
  assert.equal((await overrides('DELETE', undefined, '0')).status, 412);
  assert.equal((await overrides('DELETE', undefined, version, 'blue')).status, 404);
  for (const wrong of [{ a: 1 }, { metrics_generator: { processors: ['local-blocks'] } }, { metrics_generator: { trace_id_label_name: 'trace-id' } }, { forwarders: ['elsewhere'] }]) {
    const refused = await overrides('PATCH', wrong);
    assert.equal(refused.status, 400, JSON.stringify(wrong));
    assert.ok(refused.text.length > 20, refused.text);
  }
  for (const body of ['', '{', '[]', 'null', '{"a":'.repeat(50_000), '"\\ud800"']) assert.equal((await call('PATCH', '/api/overrides', { body })).status, 400, body.slice(0, 20));
  assert.equal((await call('GET', '/api/overrides', { tenant: null })).status, 401);
  assert.equal((await overrides('GET')).etag, version);
});

await test('a patch changes a part', async () => {
  const patched = await overrides('PATCH', { metrics_generator: { collection_interval: '15s', span_name_sanitization: null } });
  assert.equal(patched.status, 200, patched.text);
  assert.notEqual(patched.etag, version);
  version = patched.etag;
  const now = JSON.parse(patched.text).metrics_generator;
  assert.equal(now.collection_interval, '15s');
  assert.equal(now.span_name_sanitization, undefined);
  assert.deepEqual(now.processors, ['span-metrics-count']);
  const merged = JSON.parse((await call('GET', '/api/overrides?scope=merged')).text).metrics_generator;
  assert.equal(merged.collection_interval, '15s');
  assert.deepEqual(merged.processor.span_metrics.dimensions, ['route']);
  assert.equal(JSON.parse((await call('GET', '/api/overrides?scope=merged', { tenant: 'blue' })).text).metrics_generator.processors.includes('service-graphs'), true);
});

await test('the graph at query time follows the settings of its tenant', async () => {
  const calls = async (tenant) => {
    const start = BigInt(Date.now() - 5000) * 1_000_000n;
    const text = (key, value) => ({ key, value: { stringValue: value } });
    const one = (service, id, parent, kind) => ({ resource: { attributes: [text('service.name', service), text('team', `${service}-team`)] }, scopeSpans: [{ spans: [{
      traceId: 'abc'.padStart(32, '0'), spanId: id.padStart(16, '0'), parentSpanId: parent.padStart(parent ? 16 : 0, '0'), name: 'x', kind, startTimeUnixNano: String(start), endTimeUnixNano: String(start + 9n) }] }] });
    const response = await fetch(`${server.url}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-scope-orgid': tenant },
      body: JSON.stringify({ resourceSpans: [one('shop', '1', '', 3), one('pay', '2', '1', 2)] }) });
    assert.equal(response.status, 200);
  };
  const set = await overrides('POST', { metrics_generator: { processor: { service_graphs: { dimensions: ['team'], enable_client_server_prefix: true } } } }, '0', 'green');
  assert.equal(set.status, 200, set.text);
  for (const tenant of ['green', 'blue']) {
    await calls(tenant);
    const edge = JSON.parse((await call('GET', '/obelisk/api/v1/service-graph', { tenant })).text).edges.find(({ client }) => client === 'shop');
    const labels = tenant === 'green' ? { client_team: 'shop-team', server_team: 'pay-team' } : undefined;
    assert.deepEqual(edge.labels, labels, tenant);
    const streamed = await until('the streamed edge', async () => (await series(tenant, 'traces_service_graph_request_total{client="shop"}'))[0]);
    assert.equal(streamed.metric.client_team, labels?.client_team, tenant);
    assert.equal(streamed.metric.server_team, labels?.server_team, tenant);
  }
});

await test('bytes by attributes', async () => {
  await send('red', 'x');
  const page = await call('GET', '/usage_metrics', { tenant: null });
  assert.match(page.type, /^text\/plain; version=0\.0\.4/);
  const line = page.text.split('\n').find((one) => one.startsWith('tempo_usage_tracker_bytes_received_total{'));
  assert.match(line, /^tempo_usage_tracker_bytes_received_total\{team="carts",tenant="red",tracker="cost-attribution"\} [1-9]\d*$/);
});

await test('status pages', async () => {
  const page = async (path, status = 200) => {
    const got = await call('GET', path, { tenant: null });
    assert.equal(got.status, status, path);
    return got.text;
  };
  assert.match(await page('/status/version'), /^obelisk, version \d/);
  assert.match(await page('/status/services'), /query-frontend +Running/);
  const endpoints = (await page('/status/endpoints')).split('\n').slice(1).filter(Boolean).map((line) => line.split(/ {2,}/));
  assert.ok(endpoints.length > 15);
  for (const [path, methods] of endpoints) {
    const known = path.replace('{endpoint}', 'version').replace(/\{[^}]*\}/g, '1');
    const got = await call(methods.split(',')[0] === 'DELETE' ? 'GET' : methods.split(',')[0], known);
    assert.notEqual(got.status, 405, path);
    if (got.status === 404) assert.match(got.text, /trace not found/, path);
  }
  assert.match(await page('/status/config'), /query_timeout: 2m/);
  assert.match(await page('/status/config?mode=diff'), /multi_tenancy: true/);
  assert.doesNotMatch(await page('/status/config?mode=diff'), /query_timeout/);
  assert.match(await page('/status/config?mode=defaults'), /multi_tenancy: false/);
  await page('/status/config?mode=x', 400);
  await page('/status/nothing', 404);
  assert.match(await page('/status/runtime_config'), /^overrides:\n[^]*\n {2}red:/);
  assert.match(await page('/status/overrides'), new RegExp(`red +${version}`));
  assert.match(await page('/status/overrides/red'), /collection_interval: "15s"/);
  assert.match(await page('/status/overrides/blue'), /collection_interval: "1s"/);
  assert.match(await page('/status'), /GET \/status\/services/);
});

await test('a tenant that sends faster than it may is told when to come again', async () => {
  const request = (size) => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'f'.repeat(32), spanId: '0000000000000001', name: 'x'.repeat(size), startTimeUnixNano: String(BigInt(Date.now()) * 1_000_000n) }] }] }] });
  const push = async (tenant, size) => {
    const response = await fetch(`${server.url}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-scope-orgid': tenant }, body: request(size) });
    return { status: response.status, retry: Number(response.headers.get('retry-after')), body: await response.json() };
  };
  assert.equal((await push('narrow', 800)).status, 200);
  const refused = await push('narrow', 800);
  assert.equal(refused.status, 429);
  assert.equal(refused.body.code, 8);
  assert.match(refused.body.message, /^RATE_LIMITED: ingestion rate limit \(1 bytes\) exceeded while adding \d+ bytes for user narrow$/);
  assert.ok(refused.retry >= 1 && refused.retry <= 1000, String(refused.retry));
  assert.equal((await push('wide', 800)).status, 200);
  const never = await push('narrow', 2000);
  assert.equal(never.status, 413);
  assert.match(never.body.message, /burst_size_bytes/);
  assert.equal((await push('brisk', 800)).status, 200);
  await until('the bucket has filled', async () => (await push('brisk', 800)).status === 200, 60);
});

await test('tenants kept apart see themselves alone', async () => {
  await server.stop();
  server = await new Server({ ...options, config: options.config.replace('admin_api: true\n', '') }).start();
  const page = (path, tenant) => call('GET', path, { tenant });
  await send('red', 'x');
  for (const path of ['/status/runtime_config', '/status/overrides', '/usage_metrics']) {
    const own = await page(path, 'red'), other = await page(path, 'blue');
    assert.match(own.text, /red/, path);
    assert.doesNotMatch(own.text, /green/, path);
    assert.equal(other.status, 200, path);
    assert.doesNotMatch(other.text, /red|green/, path);
    assert.equal((await page(path, null)).status, 401, path);
  }
  assert.equal((await page('/status/overrides/red', 'red')).status, 200);
  assert.equal((await page('/status/overrides/red', 'blue')).status, 401);
  assert.equal((await page('/status/config', 'red')).status, 401);
  assert.equal((await page('/status/config?mode=defaults', 'red')).status, 200);
  const all = await page('/status', 'blue');
  assert.match(all.text, /GET \/status\/config\n---\nthe configuration names tenants/);
  assert.doesNotMatch(all.text, /red|green/);
});

await test('overrides outlive a kill, and end when they are removed', async () => {
  await server.stop('SIGKILL');
  server = await new Server(options).start();
  assert.equal((await overrides('GET')).etag, version);
  await send('red', 'after', { route: '/after' });
  await until('the own dimension', async () => (await series('red', 'traces_spanmetrics_calls_total{route="/after"}')).length === 1, 30_000);
  assert.equal((await overrides('DELETE', undefined, version)).status, 200);
  assert.equal((await overrides('GET')).status, 404);
  await send('red', 'plain', { route: '/plain' });
  await until('as all others', async () => (await series('red', 'traces_spanmetrics_calls_total{span_name="plain",route=""}')).length === 1);
});

await server.stop();
process.exit(checks.finish());
