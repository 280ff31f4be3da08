// One trace of any number of spans, as a bench and a browser test send it: a tree in which every span has ten children, the
// root ten seconds long, one span in a thousand failed, 50 operations in 8 services.
import assert from 'node:assert/strict';
import { Message } from '../../../bench/protobuf.mjs';

export const largeTraceId = '0123456789abcdef0123456789abcdef';
export const largeTraceErrors = (total) => Math.floor(total / 1000);
const each = 2000; // spans a request; those of one request are of one service

export function largeTraceRequest(first, count, total, base) {
  const id = (number) => { const bytes = Buffer.alloc(8); bytes.writeBigUInt64BE(BigInt(number + 1)); return bytes; };
  const attribute = (key, value) => new Message().bytes(1, key).message(2, new Message().bytes(1, value));
  const trace = Buffer.from(largeTraceId, 'hex');
  const scope = new Message().message(1, new Message().bytes(1, 'bench'));
  for (let i = first; i < first + count; ++i) {
    const start = base + BigInt(Math.floor((i / total) * 1e9)) * 10n;
    const span = new Message().bytes(1, trace).bytes(2, id(i));
    if (i > 0) span.bytes(4, id(Math.floor((i - 1) / 10)));
    span.bytes(5, `step-${i % 50}`).varint(6, 1 + (i % 5)).fixed64(7, start).fixed64(8, i === 0 ? base + 10_000_000_000n : start + BigInt(1000 + (i % 977) * 1000));
    span.message(9, attribute('app.item', `item-${i % 1000}`)).message(9, attribute('thread.name', `worker-${i % 32}`));
    if (i % 1000 === 999) span.message(15, new Message().varint(3, 2));
    scope.message(2, span);
  }
  const resource = new Message().message(1, attribute('service.name', `service-${Math.floor(first / each) % 8}`));
  return new Message().message(1, new Message().message(1, resource).message(2, scope)).finish();
}

export async function sendLargeTrace(server, total) {
  const base = BigInt(Date.now() - 30_000) * 1_000_000n;
  for (let first = 0; first < total; first += each) {
    const body = largeTraceRequest(first, Math.min(each, total - first), total, base);
    const response = await fetch(`${server.url}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/x-protobuf' }, body });
    assert.equal(response.status, 200, `a batch of the large trace: ${await response.text()}`);
  }
}
