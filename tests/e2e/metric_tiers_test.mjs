// Downsampled tiers as an operator meets them: days of old samples come in, tiers are written by themselves, queries
// use them and say so, answers are those of the samples, an erasure holds, samples go and the tiers stay.
// Usage: node tests/e2e/metric_tiers_test.mjs --server BINARY
import assert from 'node:assert/strict';
import { Checks, sleep, until } from './stack/checks.mjs';
import { Server, argument, scratchDirectory } from './stack/server.mjs';

const binary = argument('server', 'build/release/obelisk');
const directory = scratchDirectory('tiers');
const day = 86_400_000;
const hour = 3_600_000;
const midnight = Math.floor(Date.now() / day) * day;
const begin = midnight - 5 * day;
const checks = new Checks();
const test = (name, run) => checks.check(name, run);

const retention = (metrics) => `admin_api: true\nretention:\n  metrics: ${metrics}\n  metrics_tiers:\n    - {resolution: 5m, keep: 30d}\n    - {resolution: 1h, keep: 400d}\n`;
let server = new Server({ binary, directory, config: retention('20d') });
await server.start();

async function ask(path, parameters) {
  const response = await fetch(`${server.url}${path}?${new URLSearchParams(parameters)}`);
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body;
}
const range = (query, more = {}) => ask('/api/v1/query_range', {
  query, start: (begin + day) / 1000, end: (begin + 3 * day) / 1000, step: '1h', stats: 'all', ...more,
});
const blocks = async () => (await ask('/api/v1/status/tsdb/blocks', {})).data.blocks;
const tierBlocks = async () => (await blocks()).filter((block) => block.compaction.hints);
// Whether both tiers have all four days; parts of old days may be merged.
async function covered() {
  const tiers = await tierBlocks();
  return ['5m', '1h'].every((resolution) => [0, 1, 2, 3].every((i) => tiers.some((block) => block.compaction.hints.includes(`downsampled to ${resolution}`)
    && block.minTime <= begin + i * day + 1 && block.maxTime >= begin + (i + 1) * day)));
}
function near(a, b) {
  assert.equal(a.length, b.length);
  a.forEach((series, i) => {
    assert.deepEqual(series.metric, b[i].metric);
    assert.equal(series.values.length, b[i].values.length);
    series.values.forEach(([time, value], j) => {
      assert.equal(time, b[i].values[j][0]);
      const other = Number(b[i].values[j][1]);
      assert.ok(Math.abs(Number(value) - other) <= 1e-9 * Math.max(1, Math.abs(other)), `${value} and ${other} at ${time}`);
    });
  });
}
async function restart(config) {
  await server.stop();
  server.options.config = config;
  await server.start();
}

// Four days of a counter with resets and of a gauge, a sample a minute.
let random = 42;
const next = () => { random = (random * 1103515245 + 12345) % 2147483648; return random / 2147483648; };
const lines = [];
for (const instance of ['a', 'b']) {
  let total = 0;
  for (let time = begin + 30_000; time < begin + 4 * day; time += 60_000) {
    total = next() < 0.005 ? 0 : total + Math.floor(next() * 10);
    lines.push(`orders_total{instance="${instance}"} ${total} ${time}`, `queue_length{instance="${instance}"} ${(next() * 100).toFixed(3)} ${time}`);
  }
}
const pushed = await fetch(`${server.url}/api/v1/import/prometheus`, { method: 'POST', body: lines.join('\n') + '\n' });
assert.ok(pushed.status < 300, `import: ${pushed.status} ${await pushed.text()}`);

const queries = ['rate(orders_total[1h])', 'sum(increase(orders_total[6h]))', 'max_over_time(queue_length[2h])', 'avg_over_time(queue_length[1h])', 'orders_total', 'count_over_time(queue_length[1h])'];
let samples;

await test('days that are over get their tiers without being asked', async () => {
  await restart(retention('20d'));  // what was in memory is flushed
  await until('four days of two resolutions', covered);
  const hints = new Set((await tierBlocks()).flatMap((block) => block.compaction.hints));
  assert.deepEqual([...hints].sort(), ['downsampled to 1h', 'downsampled to 5m']);
});

await test('queries read them, say so, and answer what the samples do', async () => {
  samples = await Promise.all(queries.map((query) => range(query, { tiers: 'off' })));
  for (const [i, query] of queries.entries()) {
    const tiers = await range(query);
    near(tiers.data.result, samples[i].data.result);
    assert.ok(samples[i].data.result.length > 0);
    assert.equal(samples[i].data.stats.tiers, undefined);
    assert.equal(tiers.data.stats.tiers[0].resolution, '1h', query);
    assert.equal(tiers.data.stats.tiers[0].exact, true);
    assert.ok(tiers.data.stats.samples.samplesRead * 5 < samples[i].data.stats.samples.samplesRead);
    assert.ok(tiers.infos.some((info) => /the 1h tier of downsampled samples was read from/.test(info)), JSON.stringify(tiers.infos));
  }
  const fine = await range('rate(orders_total[5m])', { step: '90s', end: (begin + day + hour) / 1000 });
  assert.equal(fine.data.stats.tiers, undefined, 'windows that are not whole buckets are read from samples');
  const explained = await range('rate(orders_total[1h])', { explain: 'true' });
  assert.match(JSON.stringify(explained.data.explain), /the 1h tier of downsampled samples/);
});

await test('an erasure holds in tiers at once and afterwards', async () => {
  const erased = await fetch(`${server.url}/api/v1/admin/tsdb/delete_series?${new URLSearchParams({ 'match[]': 'orders_total{instance="b"}' })}`, { method: 'POST' });
  assert.equal(erased.status, 204);
  for (const wait of [0, 3000]) {
    await sleep(wait);
    for (const tiers of ['auto', 'off']) {
      const left = await range('orders_total', { tiers });
      assert.deepEqual(left.data.result.map((series) => series.metric.instance), ['a']);
    }
  }
});

await test('the samples go, the tiers stay', async () => {
  const before = await Promise.all(queries.map((query) => range(query, { tiers: 'off' })));
  await restart(retention('12h'));
  await until('no samples', async () => (await blocks()).every((block) => block.compaction.hints));
  assert.equal((await range('orders_total', { tiers: 'off' })).data.result.length, 0);
  for (const [i, query] of queries.entries()) near((await range(query)).data.result, before[i].data.result);
  const rough = await range('stddev_over_time(queue_length[1h])');
  assert.equal(rough.data.stats.tiers[0].exact, false);
  assert.equal(rough.data.stats.tiers[0].resolution, '5m');
  assert.ok(rough.infos.some((info) => /the answer is approximate/.test(info)));
  const names = await ask('/api/v1/label/__name__/values', { start: (begin + day) / 1000, end: (begin + 2 * day) / 1000 });
  assert.deepEqual(names.data, ['orders_total', 'queue_length']);
});

await test('they survive kill -9', async () => {
  await server.stop('SIGKILL');
  await server.start();
  assert.ok(await covered());
  assert.equal((await range('max_over_time(queue_length[2h])')).data.result.length, 2);
});

await server.stop();
process.exit(checks.finish());
