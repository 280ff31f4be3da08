// The four services as real processes: their answers, and that one order leaves the same trace id in the log lines of all
// four and in the exemplars. What they send goes to a server that takes everything and notes the paths.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { find_free_ports, fixed_ports } from '../stack/ports.mjs';
import { ProcessGroup } from '../stack/processes.mjs';
import { shop_processes } from '../stack/shop.mjs';
import { wait_for_http, wait_until } from '../stack/wait.mjs';

let directory;
let ports;
let processes;
let sink;
const received = new Map(); // path -> requests

before(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'obelisk-shop-'));
  ports = await find_free_ports(Object.keys(fixed_ports));
  sink = http.createServer((request, response) => {
    received.set(request.url, (received.get(request.url) ?? 0) + 1);
    request.resume().on('end', () => response.end());
  });
  await new Promise((resolve) => sink.listen(ports.server, '127.0.0.1', resolve));
  processes = new ProcessGroup(directory);
  for (const description of shop_processes(ports, 1)) {
    if (description.name === 'sample-app') continue;
    Object.assign(description.environment, {
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${ports.server}`,
    });
    processes.start(description);
  }
  const services = ['order', 'inventory', 'payment', 'notification'];
  await Promise.all(
    services.map((name) => wait_for_http(`http://127.0.0.1:${ports[name]}/health`, { deadline_ms: 30000 })),
  );
  await faults('payment', { payment_failure_rate: 0 });
});

after(async () => {
  await processes.stop();
  sink.closeAllConnections();
  sink.close();
  await rm(directory, { recursive: true });
});

async function post(service, route, body) {
  const response = await fetch(`http://127.0.0.1:${ports[service]}${route}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

function faults(service, values) {
  return post(service, '/faults', values);
}

function order(fields = {}) {
  return post('order', '/orders', { item: 'popular_item', quantity: 2, price: 9.99, ...fields });
}

async function log_lines(service) {
  const text = await readFile(path.join(directory, `${service}-service.log`), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

// The line of an event, once it is written; `matches` narrows it down.
function line_of(service, event, matches = () => true) {
  return wait_until(
    async () => {
      const line = (await log_lines(service)).find((one) => one.event === event && matches(one));
      return { done: line !== undefined, value: line, why: `${service} has not logged ${event}` };
    },
    { deadline_ms: 5000, pause_ms: 20 },
  );
}

test('an order leaves one trace id in the logs of all four services and in the exemplar', async () => {
  const answer = await order({ quantity: 3, item: 'lamp' });
  assert.equal(answer.status, 201);
  const { order_id, status } = answer.body;
  assert.equal(status, 'created');
  const created = await line_of('order', 'order_created', (line) => line.order_id === order_id);
  assert.match(created.trace_id, /^[0-9a-f]{32}$/);
  assert.match(created.span_id, /^[0-9a-f]{16}$/);
  assert.equal(created.level, 'info');
  assert.match(created.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const same_trace = (line) => line.trace_id === created.trace_id;
  await line_of('inventory', 'stock_checked', same_trace);
  await line_of('inventory', 'stock_reserved', same_trace);
  await line_of('payment', 'payment_charged', same_trace);
  await line_of('notification', 'notification_sent', same_trace);

  const response = await fetch(`http://127.0.0.1:${ports.order}/metrics`, {
    headers: { accept: 'application/openmetrics-text' },
  });
  assert.match(response.headers.get('content-type'), /^application\/openmetrics-text; version=1\.0\.0/);
  const text = await response.text();
  assert.ok(text.endsWith('# EOF\n'));
  assert.match(text, /\norders_in_flight 0\n/);
  const exemplar = new RegExp(
    `\\nhttp_request_duration_seconds_bucket\\{[^}]*endpoint="/orders"[^}]*\\} \\d+ # \\{traceID="${created.trace_id}"\\}`,
  );
  assert.match(text, exemplar);
  // Declared at zero, so that the first failure can be seen by rate().
  assert.match(text, /\nhttp_requests_total\{endpoint="\/orders",method="POST",http_status="502"\} 0\n/);
});

test('bad orders are refused with 400, orders beyond the stock with 409', async () => {
  const refused = [
    [{ quantity: 0 }, 400, 'Quantity must be positive'],
    [{ quantity: 1.5 }, 400, 'Quantity must be a whole number'],
    [{ price: -1 }, 400, 'Price must be non-negative'],
    [{ item: '' }, 400, 'Item must be a name'],
    [{ item: 'rare_item', quantity: 5 }, 409, 'Insufficient stock'],
  ];
  for (const [fields, status, detail] of refused) {
    assert.deepEqual(await order(fields), { status, body: { detail } });
  }
  assert.equal((await post('order', '/orders', '{"item": ')).status, 400);
  assert.equal((await post('order', '/orders', 'null')).status, 400);
  assert.equal((await post('order', '/orders', `"${'x'.repeat(70000)}"`)).status, 413);
  assert.equal((await post('order', '/order', {})).status, 404);
});

test('a failed payment is a 502 and an error line of order-service, none of inventory-service', async () => {
  await faults('payment', { payment_failure_rate: 1 });
  assert.deepEqual(await order({ quantity: 9 }), { status: 502, body: { detail: 'Payment failed' } });
  await faults('payment', { payment_failure_rate: 0 });
  const line = await line_of('order', 'order_processing_failed');
  assert.equal(line.level, 'error');
  assert.equal(line.error, 'payment failed');
  assert.equal(line.item, 'popular_item');
  assert.equal(line.quantity, 9);
  for (const inventory_line of await log_lines('inventory')) assert.equal(inventory_line.level, 'info');
});

test('large orders are slow until slow_lookup is switched off', async () => {
  const seconds_of = async (fields) => {
    const begun_ms = performance.now();
    assert.equal((await order(fields)).status, 201);
    return (performance.now() - begun_ms) / 1000;
  };
  assert.ok((await seconds_of({ quantity: 6 })) > 0.27);
  assert.ok((await seconds_of({ quantity: 5 })) < 0.27);
  assert.equal((await faults('inventory', { slow_lookup: false })).status, 200);
  assert.ok((await seconds_of({ quantity: 6 })) < 0.27);
  await faults('inventory', { slow_lookup: true });
});

test('a notification that cannot be sent does not fail the order', async () => {
  await faults('notification', { notification_down: true });
  const { status, body } = await order();
  assert.equal(status, 201);
  await line_of(
    'order',
    'notification_failed',
    (line) => line.order_id === body.order_id && line.level === 'warning',
  );
  await faults('notification', { notification_down: false });
});

test('faults are listed, and unknown ones refused', async () => {
  const response = await fetch(`http://127.0.0.1:${ports.inventory}/faults`);
  assert.deepEqual(await response.json(), { slow_lookup: true, stock_check_delay_ms: 0 });
  assert.equal((await faults('inventory', { slow: true })).status, 400);
  assert.equal((await faults('inventory', { slow_lookup: 'no' })).status, 400);
});

test('spans and log lines are sent', async () => {
  for (const path of ['/v1/traces', '/loki/api/v1/push']) {
    await wait_until(async () => ({ done: received.get(path) > 0, why: `nothing came to ${path}` }), {
      deadline_ms: 5000,
    });
  }
});
