import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { Load } from '../load.mjs';
import { ControlPage } from './control_page.mjs';
import { faults_catalogue, service_names } from './faults_catalogue.mjs';
import { ShopControl, rows_of } from './shop_control.mjs';

// A stand-in for every process the page talks to: one server, whose answers a test sets.
const world = { faults: {}, orders: [], otlp: [], trace: null, order_status: 201 };
const fake = http.createServer(async (request, response) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  const body = text === '' ? undefined : JSON.parse(text);
  const answer = (status, value) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
  if (request.url === '/faults' && request.method === 'GET') return answer(200, world.faults);
  if (request.url === '/faults') {
    if (body.slow_lookup === 'bad') return answer(400, { detail: 'takes true or false' });
    Object.assign(world.faults, body);
    return answer(200, world.faults);
  }
  if (request.url === '/orders') {
    world.orders.push({ body, traceparent: request.headers.traceparent });
    return answer(world.order_status, world.order_status === 201 ? { status: 'created' } : { detail: 'Payment failed' });
  }
  if (request.url === '/v1/traces') {
    world.otlp.push(body);
    return answer(200, {});
  }
  if (request.url.startsWith('/api/v2/traces/')) return world.trace ? answer(200, world.trace) : answer(404, {});
  return answer(404, {});
});

let page;
let url;

before(async () => {
  await new Promise((resolve) => fake.listen(0, '127.0.0.1', resolve));
  const { port } = fake.address();
  const ports = Object.fromEntries(['server', 'otlp_http', ...Object.keys(service_names)].map((name) => [name, port]));
  const load = new Load({ order_url: `http://127.0.0.1:${port}`, sample_url: `http://127.0.0.1:${port}` });
  page = new ControlPage(new ShopControl({ load, ports }));
  url = `http://127.0.0.1:${await page.listen(0)}`;
});

after(async () => {
  await page.close();
  fake.closeAllConnections();
  fake.close();
});

async function post(path, body, headers = {}) {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

// fetch does not let one set these two.
function raw(headers, method = 'GET', path = '/api/state') {
  return new Promise((resolve, reject) => {
    const request = http.request(url + path, { method, headers }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode));
    });
    request.once('error', reject);
    request.end(method === 'POST' ? '{}' : undefined);
  });
}

test('the page is served with a policy that allows nothing inline and nobody else', async () => {
  for (const [path, type] of [['/', 'text/html'], ['/page.js', 'text/javascript'], ['/page.css', 'text/css'], ['/tokens.css', 'text/css'], ['/icon.svg', 'image/svg+xml']]) {
    const response = await fetch(url + path);
    assert.equal(response.status, 200, path);
    assert.ok(response.headers.get('content-type').startsWith(type), path);
    const policy = response.headers.get('content-security-policy');
    assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.ok((await response.text()).length > 100, path);
  }
  const html = await (await fetch(`${url}/`)).text();
  assert.doesNotMatch(html, /\son\w+=|style=|<script(?![^>]*src=)/);
  assert.equal((await fetch(`${url}/../package.json`)).status, 404);
});

test('other sites and other names are refused', async () => {
  const host = new URL(url).host;
  assert.equal(await raw({ host }), 200);
  assert.equal(await raw({ host: 'evil.example' }), 403);
  assert.equal(await raw({ host, origin: 'http://evil.example' }), 403);
  assert.equal(await raw({ host, origin: `http://${host}` }), 200);
  assert.equal(await raw({ host, 'content-type': 'text/plain' }, 'POST', '/api/burst'), 415);
  assert.equal(await raw({ host, 'content-type': 'application/json' }, 'POST', '/api/nothing'), 404);
});

test('faults are shown with their values, and changed', async () => {
  world.faults = Object.fromEntries(faults_catalogue.map(({ name, fix }) => [name, fix]));
  assert.equal((await post('/api/faults', { service: 'inventory', name: 'slow_lookup', value: true })).status, 200);
  const state = await (await fetch(`${url}/api/state`)).json();
  assert.equal(state.faults.find(({ name }) => name === 'slow_lookup').value, true);
  assert.equal(state.faults.find(({ name }) => name === 'payment_delay_ms').value, 0);
  assert.deepEqual(await post('/api/faults', { service: 'inventory', name: 'slow_lookup', value: 'bad' }), { status: 400, body: { error: 'takes true or false' } });
  assert.equal((await post('/api/faults', { service: 'order', name: 'slow_lookup', value: true })).status, 404);
  assert.equal((await post('/api/faults', '[')).status, 400);
  assert.equal((await post('/api/faults', `{"x":"${'y'.repeat(5000)}"}`)).status, 413);
});

test('load is set within bounds and shown', async () => {
  assert.deepEqual((await post('/api/load', { small_orders: 3 })).body.rates, { small_orders: 3, large_orders: 0, sample_visits: 0 });
  assert.equal((await post('/api/load', { small_orders: 1000 })).status, 400);
  assert.equal((await post('/api/load', { small_orders: '3' })).status, 400);
  assert.equal((await post('/api/load', { toString: 3 })).status, 400);
  assert.deepEqual((await post('/api/load', { small_orders: 0 })).body.rates.small_orders, 0);
});

test('an order carries its own trace, and its root span is sent when it is answered', async () => {
  world.orders = [];
  world.otlp = [];
  world.order_status = 502;
  const { body: placed } = await post('/api/orders', { quantity: 8 });
  assert.match(placed.trace_id, /^[0-9a-f]{32}$/);
  let order;
  for (let attempt = 0; attempt < 100 && !(order?.answer && world.otlp.length > 0); attempt++) {
    order = await (await fetch(`${url}/api/orders/${placed.trace_id}`)).json();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.deepEqual(world.orders, [{ body: { item: 'popular_item', quantity: 8, price: 49.99 }, traceparent: `00-${placed.trace_id}-${placed.span_id}-01` }]);
  assert.deepEqual([order.answer.status, order.answer.detail, order.spans], [502, 'Payment failed', []]);
  const [span] = world.otlp[0].resourceSpans[0].scopeSpans[0].spans;
  assert.deepEqual([span.traceId, span.spanId, span.status.code], [placed.trace_id, placed.span_id, 2]);
  assert.ok(BigInt(span.endTimeUnixNano) > BigInt(span.startTimeUnixNano));
  assert.equal((await post('/api/orders', { quantity: 0 })).status, 400);
  assert.equal((await post('/api/orders', { quantity: '8' })).status, 400);
  assert.equal((await fetch(`${url}/api/orders/${'0'.repeat(32)}`)).status, 404);
});

test('spans stand under their parents; one whose parent is still missing says so', () => {
  const span = (span_id, parent_id, start_ms, duration) => ({
    span_id, parent_id, name: span_id, service: 's', kind: 'server', failed: false,
    start_ns: BigInt(1000 + start_ms) * 1000000n, end_ns: BigInt(1000 + start_ms + duration) * 1000000n,
  });
  const rows = rows_of([span('c', 'b', 6, 2), span('late', 'gone', 1, 1), span('a', '', 0, 20), span('b', 'a', 5, 10), span('b2', 'a', 2, 1), span('c', 'b', 6, 2)], 1000);
  assert.deepEqual(rows.map(({ span_id, depth, parent_missing }) => [span_id, depth, parent_missing]),
    [['a', 0, false], ['b2', 1, false], ['b', 1, false], ['c', 2, false], ['late', 0, true]]);
  assert.deepEqual([rows[2].start_ms, rows[2].duration_ms], [5, 10]);
});

test('the catalogue names every fault that a service declares', async () => {
  for (const [service, file] of Object.entries({ order: 'order', inventory: 'inventory', payment: 'payment', notification: 'notification', sample: 'sample_app' })) {
    const text = await readFile(new URL(`../services/${file}.mjs`, import.meta.url), 'utf8');
    const declared = [...text.matchAll(/(\w+): \{ kind: '/g)].map(([, name]) => name).sort();
    assert.ok(declared.length > 0, file);
    assert.deepEqual(faults_catalogue.filter((fault) => fault.service === service).map(({ name }) => name).sort(), declared, file);
  }
});

test('a service has the colour it has in the interface', async () => {
  const read = async (path) => (await readFile(new URL(path, import.meta.url), 'utf8'));
  const start = (text) => /start = (\d+)/.exec(text)?.[1];
  const own = await read('./page/page.js');
  const theirs = await read('../../ui/src/format/colors.ts');
  assert.ok(start(own));
  assert.equal(start(own), start(theirs));
  for (const piece of ['hash ^= name.charCodeAt(index);', 'hash = Math.imul(hash, 16777619) >>> 0;', 'hash = (hash ^ (hash >>> 15)) >>> 0;']) {
    assert.ok(own.includes(piece) && theirs.includes(piece), piece);
  }
});
