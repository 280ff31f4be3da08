// What tenants of one server have of their own: how long their log lines are kept, as a whole and by structured metadata,
// and what their queries may read. Retention goes by whole days and looks once a minute, so this takes up to two.
// Usage: node tests/e2e/log_tenants_test.mjs --server BINARY
import assert from 'node:assert/strict';
import { until } from './stack/checks.mjs';
import { Server, argument, scratchDirectory } from './stack/server.mjs';

const binary = argument('server', 'build/release/obelisk');
const config = `multi_tenancy: true
retention:
  logs: 7d
  tenants: {short: {logs: 1d}}
logs:
  limits:
    max_query_length: 240h
    tenants:
      bounded: {max_query_bytes_read: 16KB}
      counted: {max_query_lines_read: 5000}
  retention_stream:
    - {tenant: chosen, selector: '{app="shop"} | tier="free" and kind!="audit"', period: 24h}
`;
const server = new Server({ binary, directory: scratchDirectory('log_tenants'), config });
await server.start();

const now = Date.now(), day = 86_400_000;
const nanos = (millis) => String(BigInt(Math.round(millis)) * 1_000_000n);
async function push(tenant, values) {
  const response = await fetch(`${server.url}/loki/api/v1/push`, {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-scope-orgid': tenant },
    body: JSON.stringify({ streams: [{ stream: { app: 'shop' }, values }] }),
  });
  assert.equal(response.status, 204, await response.text());
}
async function get(tenant, path, parameters) {
  const response = await fetch(`${server.url}/loki/api/v1/${path}?${new URLSearchParams(parameters)}`, { headers: { 'x-scope-orgid': tenant } });
  return { status: response.status, text: await response.text() };
}
async function lines(tenant) {
  const answer = await get(tenant, 'query_range', { query: '{app="shop"}', start: nanos(now - 8 * day), end: nanos(now + day), limit: '100' });
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text).data.result.flatMap((stream) => stream.values.map((value) => value[1])).sort();
}

const old = now - 3 * day;
for (const tenant of ['short', 'long', 'chosen']) {
  await push(tenant, [
    [nanos(old), 'old free', { tier: 'free', kind: 'page' }], [nanos(old + 1), 'old paid', { tier: 'paid', kind: 'page' }],
    [nanos(old + 2), 'old audit', { tier: 'free', kind: 'audit' }], [nanos(old + 3), 'old unknown', { tier: 'free' }],
    [nanos(now), 'new free', { tier: 'free', kind: 'page' }],
  ]);
}
const many = Array.from({ length: 20_000 }, (_, i) => [nanos(now - 60_000 + i), `order ${i} took ${(i * 7919) % 1000} ms for ${(i * 104_729).toString(36)}`]);
for (const tenant of ['bounded', 'counted', 'free']) await push(tenant, many);
await server.stop();  // everything is in parts
await server.start();

await until('the old lines of one tenant are gone', async () => (await lines('short')).length === 1, 150);
assert.deepEqual(await lines('short'), ['new free']);
assert.deepEqual(await lines('long'), ['new free', 'old audit', 'old free', 'old paid', 'old unknown']);
await until('retention by metadata has been', async () => (await lines('chosen')).length === 4, 60);
assert.deepEqual(await lines('chosen'), ['new free', 'old audit', 'old paid', 'old unknown']);

// A sum that has to look at every line: where it may not, it says so, within the first few kilobytes.
const sum = { query: 'sum(count_over_time({app="shop"} |~ "7.*1.*3" [1h]))', time: nanos(now + 60_000) };
const expected = many.filter(([, line]) => /7.*1.*3/.test(line)).length;
const free = await get('free', 'query', sum);
assert.equal(free.status, 200, free.text);
assert.equal(Number(JSON.parse(free.text).data.result[0].value[1]), expected);
const bounded = await get('bounded', 'query', sum);
assert.equal(bounded.status, 400, bounded.text);
assert.match(bounded.text, /^the query would read too many bytes \(query: \d+(\.\d)? [kM]B, limit: 16 kB\); consider adding more specific stream selectors/);
const counted = await get('counted', 'query', sum);
assert.equal(counted.status, 400, counted.text);
assert.match(counted.text, /^the query would read too many lines \(query: \d+, limit: 5000\)/);
// Read for several tenants at once the tightest limits hold.
const several = await get('bounded|free', 'query', sum);
assert.match(several.text, /too many bytes/);
// A list that has lines by then answers with them. The window is asked for in slices, the newest first.
await push('counted', [[nanos(now + 1000), 'order 1 2 3']]);
const list = await get('counted', 'query_range', { query: '{app="shop"} | logfmt', start: nanos(now - day), end: nanos(now + 1500), limit: '5000' });
assert.equal(list.status, 200, list.text);
assert.ok(list.text.includes('order 1 2 3'));
assert.match(JSON.parse(list.text).warnings[0], /partial: not all lines .* were looked at: the query would read too many lines/);
const long = await get('free', 'query_range', { query: '{app="shop"}', start: nanos(now - 11 * day), end: nanos(now) });
assert.equal(long.status, 400);
assert.match(long.text, /^the query time range exceeds the limit \(query length: 264h0m0s, limit: 240h0m0s\)/);
const limits = await get('bounded', 'drilldown-limits', {});
assert.equal(JSON.parse(limits.text).limits.max_query_bytes_read, 16384, limits.text);

await server.stop();
console.log('log_tenants: retention and limits are of each tenant');
