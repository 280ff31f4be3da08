// A request that enters the shop in the headers of any system is one connected trace in the store: the order, inventory, payment
// and notification services run as they are and send their spans to a real server. Every stored span of the trace hangs on another one of it,
// but the first, which hangs on the caller's span.
// Usage: node tests/e2e/foreign_context_test.mjs --server BINARY
import assert from 'node:assert/strict';
import path from 'node:path';
import { find_free_ports, fixed_ports } from '../../demo/stack/ports.mjs';
import { ProcessGroup } from '../../demo/stack/processes.mjs';
import { shop_processes } from '../../demo/stack/shop.mjs';
import { wait_for_http, wait_until } from '../../demo/stack/wait.mjs';
import { Checks } from './stack/checks.mjs';
import { Server, argument, scratchDirectory } from './stack/server.mjs';

const directory = scratchDirectory('foreign-context');
const server = await new Server({ binary: argument('server', 'build/release/obelisk'), directory }).start();
const ports = await find_free_ports(Object.keys(fixed_ports));
[ports.server, ports.otlp_grpc, ports.otlp_http] = server.ports;
const shop = new ProcessGroup(path.join(directory, 'logs'));
const checks = new Checks();

const parent = '00f067aa0ba902b7';
const ids = (number) => `4bf92f3577b34da6a3ce9290000000${String(number).padStart(2, '0')}`;
const short = 'a3ce929d0e0e4736';
const entries = [
  ['W3C', (id) => ({ traceparent: `00-${id}-${parent}-01` })],
  ['W3C with tracestate in capitals', (id) => ({ TraceParent: `00-${id}-${parent}-01`, TraceState: 'tenant@system=1' })],
  ['a version of the future', (id) => ({ traceparent: `cc-${id}-${parent}-01-more` })],
  ['B3 in one header', (id) => ({ b3: `${id}-${parent}-1` })],
  ['B3 in many', (id) => ({ 'X-B3-TraceId': id, 'X-B3-SpanId': parent, 'X-B3-Sampled': '1' })],
  ['Jaeger', (id) => ({ 'uber-trace-id': `${id}:${parent}:0:1` })],
  ['X-Ray', (id) => ({ 'X-Amzn-Trace-Id': `Root=1-${id.slice(0, 8)}-${id.slice(8)};Parent=${parent};Sampled=1` })],
  ['B3 with 64 bits', () => ({ b3: `${short}-${parent}-1` }), short.padStart(32, '0')],
];

const hex = (base64) => Buffer.from(base64 ?? '', 'base64').toString('hex');
async function spans_of(id) {
  const response = await fetch(`${server.url}/api/v2/traces/${id}`);
  if (response.status === 404) return [];
  assert.equal(response.status, 200);
  const { trace } = await response.json();
  return trace.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = resource.attributes.find(({ key }) => key === 'service.name').value.stringValue;
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ service, name: span.name, kind: span.kind, id: hex(span.spanId), parent: hex(span.parentSpanId) })));
  });
}

try {
  for (const process of shop_processes(ports, 7)) if (process.name !== 'sample-app') shop.start(process);
  for (const name of ['order', 'inventory', 'payment', 'notification']) await wait_for_http(`http://127.0.0.1:${ports[name]}/health`, { deadline_ms: 30_000 });
  for (const [number, [what, headers_of, stored]] of entries.entries()) {
    await checks.check(what, async () => {
      const id = stored ?? ids(number);
      const response = await fetch(`http://127.0.0.1:${ports.order}/orders`, {
        method: 'POST', headers: { 'content-type': 'application/json', ...headers_of(ids(number)) }, body: JSON.stringify({ item: 'popular_item', quantity: 1, price: 1 }) });
      await response.arrayBuffer();
      const spans = await wait_until(async () => {
        const found = await spans_of(id);
        const services = new Set(found.map(({ service }) => service));
        // The client and the server side of every call, so that nothing is missing.
        const whole = services.has('order-service') && services.size >= 3 && found.filter(({ kind }) => kind === 'SPAN_KIND_CLIENT').every((client) => found.some((one) => one.parent === client.id));
        return whole ? { done: true, value: found } : { done: false, why: `spans of ${[...services].join(', ') || 'nobody'}` };
      }, { deadline_ms: 20_000 });
      const known = new Set(spans.map((span) => span.id));
      const tops = spans.filter((span) => !known.has(span.parent));
      assert.equal(tops.length, 1, `one top: ${JSON.stringify(tops)}`);
      assert.equal(tops[0].parent, parent, 'it hangs on the caller');
      assert.equal(tops[0].service, 'order-service');
      assert.equal(tops[0].kind, 'SPAN_KIND_SERVER');
      const answer = await server.getJson(`/api/search?q=${encodeURIComponent(`{ trace:id = "${id}" } | count() = ${spans.length}`)}`);
      assert.equal(answer.traces.length, 1, 'and is found as one');
    });
  }
} finally {
  await shop.stop();
  await server.stop();
}
process.exit(checks.finish());
