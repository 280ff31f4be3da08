// Samples that do not come as expected, as a sender meets them: sent again, with another value, late, ahead of the clock,
// over a limit. Which one stands, what the sender is told, what is counted; after a flush, a kill -9 and a merge too.
// Usage: node tests/e2e/metric_conflicts_test.mjs --server BINARY
import assert from 'node:assert/strict';
import { Checks } from './stack/checks.mjs';
import { Server, argument, scratchDirectory } from './stack/server.mjs';

const server = new Server({
  binary: argument('server', 'build/release/obelisk'), directory: scratchDirectory('conflicts'),
  config: 'multi_tenancy: true\nlimits:\n  series_per_job: 20\n  jobs: {narrow: 3}\n  metrics: {wide: 0}\n'
    + '  tenants: {large: {series_per_job: 30, jobs: {}}}\n',
});
await server.start();
const now = Math.floor(Date.now() / 1000) * 1000;
const checks = new Checks();
const test = (name, run) => checks.check(name, run);

function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) { bytes.push(Number(rest & 127n) | 128); rest >>= 7n; }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
const field = (tag, bytes) => Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes]);
function sample([time, value]) {
  const float = Buffer.alloc(9);
  float[0] = 0x09;
  float.writeDoubleLE(value, 1);
  return field(0x12, Buffer.concat([float, Buffer.from([0x10]), varint(time)]));
}
// [labels, [[millis, value], ...]] each
async function write(series, tenant = 'a') {
  const plain = Buffer.concat(series.map(([labels, samples]) => field(0x0a, Buffer.concat([
    ...Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => field(0x0a, Buffer.concat([field(0x0a, Buffer.from(name)), field(0x12, Buffer.from(value))]))),
    ...samples.map(sample)]))));
  assert.ok(plain.length < 65536);
  const body = Buffer.concat([varint(plain.length), Buffer.from([0xf4, (plain.length - 1) & 255, (plain.length - 1) >> 8]), plain]);
  const response = await fetch(`${server.url}/api/v1/write`, { method: 'POST', body,
    headers: { 'content-encoding': 'snappy', 'content-type': 'application/x-protobuf', 'x-scope-orgid': tenant } });
  return { status: response.status, text: await response.text() };
}
async function stored(query, tenant = 'a') {
  const response = await fetch(`${server.url}/api/v1/query?${new URLSearchParams({ query, time: String(now / 1000 + (query.endsWith(']') ? 3600 : 1)) })}`, { headers: { 'x-scope-orgid': tenant } });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body.data.result;
}
const values = async (query) => (await stored(query))[0].values.map(([time, value]) => [Math.round(time * 1000) - now, Number(value)]);
// The sum of the series of this name that have these labels.
async function metric(name, ...labels) {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return text.split('\n').filter((line) => /^[^ {]*/.exec(line)[0] === name && labels.every((label) => line.includes(label))).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

const up = { __name__: 'up', job: 'x' };
const expected = [[-60_000, 9], [-30_000, 3], [0, 5]];
await test('the sample that came last stands, and nothing is refused', async () => {
  assert.equal((await write([[up, [[now - 60_000, 1], [now - 30_000, 2], [now, 4]]]])).status, 204);
  assert.equal((await write([[up, [[now, 4]]]])).status, 204);            // sent again
  assert.equal((await write([[up, [[now, 5]]]])).status, 204);            // another value
  assert.equal((await write([[up, [[now - 30_000, 3]]]])).status, 204);   // late
  assert.equal((await write([[up, [[now - 60_000, 8], [now - 60_000, 9]]]])).status, 204); // twice in one request
  assert.deepEqual(await values('up[3h]'), expected);
  assert.ok(await metric('obelisk_metrics_samples_replaced_total', 'value="same"') >= 1);
  assert.ok(await metric('obelisk_metrics_samples_replaced_total', 'value="other"') >= 1);
});
await test('so it is after a kill -9', async () => {
  await server.stop('SIGKILL');
  await server.start();
  assert.deepEqual(await values('up[3h]'), expected);
});
await test('and when the first is in a part, the second in memory, then in another part, then merged', async () => {
  await server.stop();
  await server.start();
  assert.deepEqual(await values('up[3h]'), expected);
  assert.equal((await write([[up, [[now, 6], [now - 60_000, 9]]]])).status, 204);
  expected[2][1] = 6;
  assert.deepEqual(await values('up[3h]'), expected);
  await server.stop();
  await server.start();
  assert.deepEqual(await values('up[3h]'), expected);
  for (let i = 0; i < 50 && await metric('obelisk_metrics_parts') > 1; ++i) await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(await metric('obelisk_metrics_parts'), 1);
  assert.deepEqual(await values('up[3h]'), expected);
});
await test('samples ahead of the clock are refused beyond the tolerance, and the rest is stored', async () => {
  const { status, text } = await write([[{ __name__: 'ahead' }, [[now + 300_000, 1], [now + 3_600_000, 2]]]]);
  assert.equal(status, 400);
  assert.match(text, /^1 samples were not accepted: timestamp .* is too far in the future/);
  assert.deepEqual(await values('ahead[3h]'), [[300_000, 1]]);
  assert.equal(await metric('obelisk_intake_refused_rows_total', 'reason="too_far_in_future"'), 1);
});
await test('very old samples are taken', async () => {
  assert.equal((await write([[{ __name__: 'old' }, [[now - 20 * 86_400_000, 1]]]])).status, 204);
});
const pods = (name, job, count) => Array.from({ length: count }, (_, i) => [{ __name__: name, job, pod: `p${i}` }, [[now, i]]]);
await test('series over a limit are refused by the key that says so, others go on', async () => {
  let answer = await write([...pods('m', 'wide', 25), ...pods('n', 'other', 5)]);
  assert.equal(answer.status, 400);
  assert.match(answer.text, /^5 samples were not accepted: series_limit exceeded: job "wide" has 20 active series, limit 20 \(limits.series_per_job\)/);
  answer = await write(pods('m', 'narrow', 4));
  assert.match(answer.text, /^1 samples .* job "narrow" has 3 active series, limit 3 \(limits.jobs.narrow\)/);
  assert.equal((await write(pods('m', 'narrow', 3))).status, 204);
  assert.equal((await stored('count({job="wide"})'))[0].value[1], '20');
  assert.equal((await stored('count({job="other"})'))[0].value[1], '5');
  answer = await write(pods('m', 'wide', 31), 'large');
  assert.match(answer.text, /^1 samples .* limit 30 \(limits.tenants.large.series_per_job\)/);
  assert.equal((await stored('count({job="wide"})', 'large'))[0].value[1], '30');
  assert.equal(await metric('obelisk_intake_series_refused_total', 'limit="job"'), 7);
  assert.ok(await metric('obelisk_intake_refused_rows_total', 'reason="series_limit"') === 7);
});
await server.stop();
process.exit(checks.finish());
