// Trace context as a service of the shop handles it, seen from outside: the order service runs as it is, the test stands in
// for the inventory behind it and reads the headers that arrive there. The cases are those that the W3C's own test harness
// plays against a server-side SDK (Trace Context levels 1 and 2, all of it strict), and requests in the headers of other systems.
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

let directory, ports, processes, inventory, payment, sink;
let seen; // headers of the last call to the inventory
let calls; // headers of every call of the order
let available = 0;

// Places an order with these raw headers (name, value, name, value, ...) and gives the context that came out.
async function context_after(...headers) {
  seen = undefined;
  calls = [];
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
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[0-3])$/.exec(seen.traceparent);
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
      calls.push(request.headers);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ available })); // 0 ends the order there: 409
    });
    await listen(inventory, ports.inventory);
    payment = http.createServer((request, response) => {
      calls.push(request.headers);
      response.setHeader('content-type', 'application/json');
      response.end('{}');
    });
    await listen(payment, ports.payment);
    processes = new ProcessGroup(directory);
    const order = shop_processes(ports, 1).find((one) => one.name === 'order-service');
    Object.assign(order.environment, {
      SHOP_TRACE_RELAY: '1',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${ports.server}`,
    });
    processes.start(order);
    await wait_for_http(`http://127.0.0.1:${ports.order}/health`, { deadline_ms: 30000 });
  });

  after(async () => {
    await processes.stop();
    for (const server of [inventory, payment, sink]) {
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
    const with_other = (value) => [value, `${value},bar=2`, `bar=2,${value}`];
    for (const [what, value] of [
      ['a key with a blank', 'foo =1'],
      ['a key in upper case', 'FOO=1'],
      ['a key with other characters', 'foo.bar=1'],
      ['a member without a value', 'foo'],
      ['a member without a key', '=1'],
      ['an empty value', 'foo='],
      ['a value with an equals sign', 'foo=bar=baz'],
      ['a value with a control character', 'foo=a\tb'],
      ['a tenant without a system', 'foo@=1'],
      ['a system without a tenant', '@foo=1'],
      ['two signs of a tenant', 'foo@@bar=1'],
      ['two tenants', 'foo@bar@baz=1'],
      ['a key of 257 characters', `${'z'.repeat(257)}=1`],
      ['a tenant of 242 characters', `${'t'.repeat(242)}@v=1`],
      ['a system of 15 characters', `t@${'v'.repeat(15)}=1`],
      ['a value of 257 characters', `foo=${'v'.repeat(257)}`],
    ]) {
      test(`${what}: the whole list is dropped`, async () => {
        for (const list of with_other(value)) {
          const context = await continues('traceparent', valid, 'tracestate', list);
          assert.deepEqual(members(context.state), [], list);
        }
      });
    }
    test('keys of 256 characters, and tenants and systems of 241 and 14, are legal', async () => {
      for (const name of ['z'.repeat(256), `${'t'.repeat(241)}@${'v'.repeat(14)}`]) {
        const context = await continues('traceparent', valid, 'tracestate', 'foo=1', 'tracestate', `${name}=1`);
        assert.deepEqual(members(context.state), ['foo=1', `${name}=1`]);
      }
    });
    test('a key that is there twice is kept, or reduced to one, and the rest stays', async () => {
      for (const value of ['foo=1,foo=1', 'foo=1,foo=2', 'foo=1,bar=2,foo=1', 'bar=2,foo=1,foo=1']) {
        const context = await continues('traceparent', valid, 'tracestate', value);
        const found = members(context.state);
        assert.ok(found.some((one) => one.startsWith('foo=')), value);
        assert.equal(found.includes('bar=2'), value.includes('bar=2'), value);
      }
    });
    test('a 33rd member drops the whole list', async () => {
      const list = (count) => [...Array(count).keys()].map((i) => `bar${String(i).padStart(2, '0')}=${i}`);
      const full = await continues('traceparent', valid, 'tracestate', list(32).join(','));
      assert.deepEqual(members(full.state), list(32));
      const beyond = await continues('traceparent', valid, 'tracestate', list(33).join(','));
      assert.deepEqual(members(beyond.state), []);
      const apart = await continues('traceparent', valid, 'tracestate', list(33).slice(0, 20).join(','), 'tracestate', list(33).slice(20).join(','));
      assert.deepEqual(members(apart.state), []);
    });
  });

  describe('flags of level 2', () => {
    for (const flags of ['02', '03']) {
      test(`the random flag is kept (${flags})`, async () => {
        const context = await continues('traceparent', `00-${trace_id}-${parent_id}-${flags}`);
        assert.equal(Number(`0x${context.flags}`) & 2, 2);
      });
    }
    test('and not invented', async () => {
      const context = await continues('traceparent', valid);
      assert.equal(Number(`0x${context.flags}`) & 2, 0);
    });
    test('flags that are not known are not sent on', async () => {
      const context = await continues('traceparent', `00-${trace_id}-${parent_id}-fd`);
      assert.equal(Number(`0x${context.flags}`) & 0xfe, 0);
    });
  });

  describe('several calls of one request', () => {
    const parts = (of) => /^00-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(of.traceparent).slice(1);
    const all_calls = async (...headers) => {
      available = 9;
      try {
        await context_after(...headers);
      } finally {
        available = 0;
      }
      assert.equal(calls.length, 3, 'the stock, the reservation, the charge');
      const found = calls.map(parts);
      assert.equal(new Set(found.map(([trace]) => trace)).size, 1, 'one trace');
      assert.equal(new Set(found.map(([, parent]) => parent)).size, 3, 'a parent of its own each');
      return found[0][0];
    };
    test('inherit the trace', async () => assert.equal(await all_calls('traceparent', valid), trace_id));
    test('share a new one without, or with a broken one', async () => {
      await all_calls();
      assert.notEqual(await all_calls('traceparent', `00-${'0'.repeat(32)}-${parent_id}-01`), '0'.repeat(32));
      assert.notEqual(await all_calls('traceparent', `ff-${trace_id}-${parent_id}-01`), trace_id);
    });
    test('all carry the tracestate', async () => {
      await all_calls('traceparent', valid, 'tracestate', 'foo=1,bar=2');
      for (const { tracestate } of calls) assert.equal(tracestate.replace(/[ \t]/g, ''), 'foo=1,bar=2');
    });
  });

  // The endpoint of the W3C harness, so that the harness itself can be run: docs/HACKING.md.
  describe('a service as a relay', () => {
    const post = async (body, headers = {}) => {
      calls = [];
      const response = await fetch(`http://127.0.0.1:${ports.order}/test`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
      return { status: response.status, body: await response.json() };
    };
    const url = () => `http://127.0.0.1:${ports.payment}/back`;
    test('calls nobody for an empty list', async () => {
      assert.equal((await post([])).status, 200);
      assert.equal(calls.length, 0);
    });
    test('calls itself, and what it is told to there, in one trace', async () => {
      const self = `http://127.0.0.1:${ports.order}/test`;
      const answer = await post([{ url: self, arguments: [{ url: url(), arguments: [] }] }, { url: url(), arguments: [] }], { traceparent: valid });
      assert.equal(answer.status, 200);
      assert.equal(calls.length, 2);
      for (const call of calls) assert.equal(call.traceparent.slice(3, 35), trace_id);
      assert.notEqual(calls[0].traceparent, calls[1].traceparent);
    });
    test('calls this machine only', async () => {
      assert.equal((await post([{ url: 'http://192.0.2.1/', arguments: [] }])).status, 400);
      assert.equal((await post([{ url: 'none' }])).status, 400);
      assert.equal((await post({})).status, 400);
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
