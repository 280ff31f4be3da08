// Trace context as a service of the shop handles it, seen from outside: the order service runs as it is, the test stands in
// for the inventory behind it and reads the headers that arrive there. The cases are those that the W3C's own test harness
// plays against a server-side SDK (Trace Context level 1), and requests in the headers of other systems.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { find_free_ports, fixed_ports } from '../stack/ports.mjs';
import { ProcessGroup } from '../stack/processes.mjs';
import { shop_processes } from '../stack/shop.mjs';
import { wait_for_http } from '../stack/wait.mjs';

const trace_id = '12345678901234567890123456789012';
const parent_id = '1234567890123456';
const valid = `00-${trace_id}-${parent_id}-01`;

let directory, ports, processes, inventory, sink;
let seen; // headers of the last call to the inventory

// Places an order with these raw headers (name, value, name, value, ...) and gives the context that came out.
async function context_after(...headers) {
  seen = undefined;
  const body = '{"item":"popular_item","quantity":1,"price":1}';
  await new Promise((resolve, reject) => {
    const request = http.request({
      host: '127.0.0.1',
      port: ports.order,
      method: 'POST',
      path: '/orders',
      headers: ['Host', 'shop', 'Content-Type', 'application/json', 'Content-Length', String(body.length), ...headers],
    });
    request.on('response', (response) => response.resume().on('end', resolve)).on('error', reject);
    request.end(body);
  });
  assert.ok(seen, 'the order service called the inventory');
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])$/.exec(seen.traceparent);
  assert.ok(match, `a well-formed traceparent: ${seen.traceparent}`);
  assert.notEqual(match[1], '0'.repeat(32));
  assert.notEqual(match[2], '0'.repeat(16));
  return { trace: match[1], parent: match[2], flags: match[3], state: seen.tracestate };
}

async function continues(...headers) {
  const context = await context_after(...headers);
  assert.equal(context.trace, trace_id);
  assert.notEqual(context.parent, parent_id, 'a span of its own');
  return context;
}

async function restarts(...headers) {
  const context = await context_after(...headers);
  assert.notEqual(context.trace, trace_id);
  return context;
}

describe('trace context', () => {
  before(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'obelisk-propagation-'));
    ports = await find_free_ports(Object.keys(fixed_ports));
    const listen = (server, port) => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
    sink = http.createServer((request, response) => request.resume().on('end', () => response.end()));
    await listen(sink, ports.server);
    inventory = http.createServer((request, response) => {
      seen = request.headers;
      response.setHeader('content-type', 'application/json');
      response.end('{"available":0}'); // ends the order there: 409
    });
    await listen(inventory, ports.inventory);
    processes = new ProcessGroup(directory);
    const order = shop_processes(ports, 1).find((one) => one.name === 'order-service');
    Object.assign(order.environment, {
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${ports.server}`,
    });
    processes.start(order);
    await wait_for_http(`http://127.0.0.1:${ports.order}/health`, { deadline_ms: 30000 });
  });

  after(async () => {
    await processes.stop();
    for (const server of [inventory, sink]) {
      server.closeAllConnections();
      server.close();
    }
    await rm(directory, { recursive: true });
  });

  describe('traceparent', () => {
    test('missing: a new trace', () => restarts());
    test('valid: continued', () => continues('traceparent', valid));
    test('the name has no case', async () => {
      await continues('TraceParent', valid);
      await continues('TRACEPARENT', valid);
    });
    test('other names are other headers', async () => {
      await restarts('trace-parent', valid);
      await restarts('trace.parent', valid);
    });
    test('twice: none of them', async () => {
      const other = `00-${'2'.repeat(32)}-${parent_id}-01`;
      const context = await restarts('traceparent', valid, 'traceparent', other);
      assert.notEqual(context.trace, '2'.repeat(32));
    });
    test('version 00 ends behind the flags', async () => {
      await restarts('traceparent', `${valid}.`);
      await restarts('traceparent', `${valid}-what-the-future-will-be-like`);
    });
    test('a version of the future may go on', async () => {
      await continues('traceparent', `cc-${trace_id}-${parent_id}-01`);
      await continues('traceparent', `cc-${trace_id}-${parent_id}-01-what-the-future-will-be-like`);
      await restarts('traceparent', `cc-${trace_id}-${parent_id}-01.what-the-future-will-not-be-like`);
    });
    test('version ff is none', () => restarts('traceparent', `ff-${trace_id}-${parent_id}-01`));
    for (const [what, value] of [
      ['a version of other characters', `.0-${trace_id}-${parent_id}-01`],
      ['a version too long', `000-${trace_id}-${parent_id}-01`],
      ['a version too short', `0-${trace_id}-${parent_id}-01`],
      ['a trace id of zeros', `00-${'0'.repeat(32)}-${parent_id}-01`],
      ['a trace id of other characters', `00-.${trace_id.slice(1)}-${parent_id}-01`],
      ['a trace id in upper case', `00-${'ABCDEF'}${trace_id.slice(6)}-${parent_id}-01`],
      ['a trace id too long', `00-${trace_id}3-${parent_id}-01`],
      ['a trace id too short', `00-${trace_id.slice(1)}-${parent_id}-01`],
      ['a parent id of zeros', `00-${trace_id}-${'0'.repeat(16)}-01`],
      ['a parent id of other characters', `00-${trace_id}-.${parent_id.slice(1)}-01`],
      ['a parent id too long', `00-${trace_id}-${parent_id}7-01`],
      ['a parent id too short', `00-${trace_id}-${parent_id.slice(1)}-01`],
      ['flags of other characters', `00-${trace_id}-${parent_id}-.0`],
      ['flags too long', `00-${trace_id}-${parent_id}-001`],
      ['flags too short', `00-${trace_id}-${parent_id}-1`],
    ]) {
      test(`${what}: a new trace`, () => restarts('traceparent', value));
    }
    test('blanks around the value do not count', async () => {
      await continues('traceparent', ` ${valid}`);
      await continues('traceparent', `\t${valid}`);
      await continues('traceparent', `${valid} `);
      await continues('traceparent', `${valid}\t`);
    });
  });

  describe('tracestate', () => {
    const members = (state) => (state ?? '').split(',').map((one) => one.trim()).filter(Boolean);

    test('without traceparent it is dropped', async () => {
      const context = await restarts('tracestate', 'foo=1');
      assert.deepEqual(members(context.state), []);
    });
    test('with a broken traceparent it is dropped', async () => {
      const context = await restarts('traceparent', `00-${'0'.repeat(32)}-${parent_id}-01`, 'tracestate', 'foo=1');
      assert.deepEqual(members(context.state), []);
    });
    test('goes on with its trace, in its order', async () => {
      const context = await continues('traceparent', valid, 'tracestate', 'foo=1,bar=2');
      assert.deepEqual(members(context.state), ['foo=1', 'bar=2']);
    });
    test('several headers are one list', async () => {
      const context = await continues('traceparent', valid, 'tracestate', 'foo=1', 'tracestate', 'bar=2', 'TraceState', 'baz=3');
      assert.deepEqual(members(context.state), ['foo=1', 'bar=2', 'baz=3']);
    });
    test('empty members and blanks do not count', async () => {
      for (const value of ['', 'foo=1,', 'foo=1 \t , \t bar=2', 'foo=1,,,bar=2']) {
        const context = await continues('traceparent', valid, 'tracestate', value);
        assert.deepEqual(members(context.state), value === '' ? [] : value.includes('bar') ? ['foo=1', 'bar=2'] : ['foo=1']);
      }
    });
    test('every allowed character', async () => {
      const key_of_one = 'abcdefghijklmnopqrstuvwxyz0123456789_-*/';
      const key_of_tenant = '0123456789abcdefghijklmnopqrstuvwxyz_-*/@abc0123_-*/';
      const value = [...Array(0x7f - 0x20).keys()].map((i) => String.fromCharCode(0x20 + i)).filter((c) => c !== ',' && c !== '=').join('');
      const context = await continues('traceparent', valid, 'tracestate', `${key_of_one}=${value},${key_of_tenant}=1`);
      const keys = members(context.state).map((one) => one.split('=', 1)[0]);
      assert.deepEqual(keys, [key_of_one, key_of_tenant]);
    });
    for (const [what, value] of [
      ['a key with a blank', 'foo =1'],
      ['a key in upper case', 'FOO=1'],
      ['a key with other characters', 'foo.bar=1'],
      ['a member without a value', 'foo'],
      ['a key that is too long', `${'z'.repeat(257)}=1`],
      ['a value with an equals sign', 'foo=bar=baz'],
    ]) {
      test(`${what} is not sent on`, async () => {
        const context = await continues('traceparent', valid, 'tracestate', value);
        assert.deepEqual(members(context.state), []);
      });
    }
    test('at most 32 members', async () => {
      const list = (count) => [...Array(count).keys()].map((i) => `bar${String(i).padStart(2, '0')}=${i}`).join(',');
      const full = await continues('traceparent', valid, 'tracestate', list(32));
      assert.equal(members(full.state).length, 32);
      const beyond = await continues('traceparent', valid, 'tracestate', list(33));
      assert.ok(members(beyond.state).length <= 32);
    });
  });

  describe('headers of other systems', () => {
    const short = '1234567890123456';
    test('B3 in one header', () => continues('b3', `${trace_id}-${parent_id}-1`));
    test('B3 in many', () => continues('X-B3-TraceId', trace_id, 'X-B3-SpanId', parent_id, 'X-B3-Sampled', '1'));
    test('B3 with 64 bits is padded', async () => {
      const context = await context_after('b3', `${short}-${parent_id}-1`);
      assert.equal(context.trace, `${'0'.repeat(16)}${short}`);
    });
    test("Jaeger's uber-trace-id", () => continues('uber-trace-id', `${trace_id}:${parent_id}:0:1`));
    test("Jaeger's with 64 bits is padded", async () => {
      const context = await context_after('uber-trace-id', `${short}:${parent_id}:0:1`);
      assert.equal(context.trace, `${'0'.repeat(16)}${short}`);
    });
    test("AWS's X-Amzn-Trace-Id", () =>
      continues('X-Amzn-Trace-Id', `Root=1-${trace_id.slice(0, 8)}-${trace_id.slice(8)};Parent=${parent_id};Sampled=1`));
    test('traceparent wins', () =>
      continues('b3', `${'a'.repeat(32)}-${parent_id}-1`, 'uber-trace-id', `${'b'.repeat(32)}:${parent_id}:0:1`, 'traceparent', valid));
    test('nothing of theirs is sent on', async () => {
      await continues('b3', `${trace_id}-${parent_id}-1`);
      for (const name of ['b3', 'x-b3-traceid', 'uber-trace-id', 'x-amzn-trace-id']) assert.equal(seen[name], undefined, name);
    });
  });
});
