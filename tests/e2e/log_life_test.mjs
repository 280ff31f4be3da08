// The life of log lines as an operator meets it: a new kind of error line fires an alert and is listed, patterns count
// every line of a past window, a deletion hides its lines at once and leaves no byte of them on the disk once it
// says so, also when the server is killed in between, and retention takes lines by selector and level.
// Usage: node tests/e2e/log_life_test.mjs --server BINARY
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, until } from './stack/checks.mjs';
import { Server, argument, scratchDirectory } from './stack/server.mjs';

const binary = argument('server', 'build/release/obelisk');
const directory = scratchDirectory('log_life');
const rules = join(directory, 'new_kinds.yml');
writeFileSync(rules, `groups:
  - name: kinds
    interval: 1s
    rules:
      - alert: NewKindOfError
        expr: sum by (app) (count_over_time({app=~".+"} |= "error" | new_pattern since 1h [5m])) > 0
        annotations: {summary: 'a new kind of error in {{ $labels.app }}'}
`);
const config = `logs:
  rule_files: ['${rules}']
  retention_stream:
    - {selector: '{app="old"} | detected_level="debug"', period: 24h}
`;
const server = new Server({ binary, directory, config });
await server.start();

const nanos = (millis) => String(BigInt(Math.round(millis)) * 1_000_000n);
async function push(stream, lines, metadata = {}) {
  const values = lines.map(([millis, line]) => [nanos(millis), line, metadata]);
  const response = await fetch(`${server.url}/loki/api/v1/push`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ streams: [{ stream, values }] }),
  });
  assert.equal(response.status, 204, await response.text());
}
async function ask(path, parameters = {}) {
  const response = await fetch(`${server.url}${path}?${new URLSearchParams(parameters)}`);
  const text = await response.text();
  assert.equal(response.status, 200, `${path}: ${text}`);
  return JSON.parse(text);
}
const lines = async (query, start, end) => (await ask('/loki/api/v1/query_range', { query, start: nanos(start), end: nanos(end), limit: 5000 }))
  .data.result.flatMap((stream) => stream.values.map((value) => value[1]));

const now = Date.now();
const minute = 60_000;

// A new kind of error line.
const known = [];
for (let i = 0; i < 300; ++i) known.push([now - 50 * minute + i * 10_000, i % 10 === 0 ? `error: timeout after ${i} ms` : `served ${i} in ${i % 7}ms`]);
await push({ app: 'shop' }, known);
const alerts = async () => (await ask('/prometheus/api/v1/alerts')).data.alerts.filter((alert) => alert.labels.alertname === 'NewKindOfError');
// The kinds of 50 minutes ago are born within the hour before now, but not within the alert's window.
await sleep(3000);
assert.deepEqual(await alerts(), []);
await push({ app: 'shop' }, [[Date.now(), 'error: timeout after 17 ms'], [Date.now(), 'error: certificate of 10.0.0.7 expired']]);
const fired = await until('the alert fires', async () => (await alerts()).find((alert) => alert.state === 'firing'));
assert.equal(fired.labels.app, 'shop');
assert.equal(fired.annotations.summary, 'a new kind of error in shop');
const fresh = await ask('/obelisk/api/v1/new-patterns', { query: '{app="shop"}', since: '40m', start: nanos(Date.now() - 5 * minute), end: nanos(Date.now() + 1000) });
assert.equal(fresh.total, '1', JSON.stringify(fresh));
assert.equal(fresh.patterns[0].pattern, 'error: certificate of <_> expired');
assert.equal(fresh.patterns[0].example, 'error: certificate of 10.0.0.7 expired');
assert.equal(fresh.patterns[0].lines, '1');
assert.deepEqual(fresh.patterns[0].stream.app, 'shop');

// Patterns of a past window: every line, each once.
const patterns = await ask('/loki/api/v1/patterns', { query: '{app="shop"}', start: nanos(now - 51 * minute), end: nanos(now + minute), step: '60s' });
const total = patterns.data.flatMap((pattern) => pattern.samples).reduce((sum, sample) => sum + sample[1], 0);
assert.equal(total, 302, JSON.stringify(patterns).slice(0, 500));
assert.ok(patterns.data.some((pattern) => pattern.pattern === 'served <_> in <_>'));
assert.equal(patterns.others, undefined);

// A deletion.
const secret = 'Xq7-customer-secret-zzkwp';
const secrets = [];
for (let i = 0; i < 2000; ++i) secrets.push([now - 30 * minute + i * 100, i % 100 === 3 ? `paid by ${secret} order ${i}` : `paid order ${i}`]);
await push({ app: 'pay' }, secrets);
const holds = (path) => readdirSync(path).some((name) => {
  const inside = join(path, name);
  try {
    if (statSync(inside).isDirectory()) return holds(inside);
    // The request itself names what it deletes.
    return name !== 'MANIFEST' && name !== 'log_deletes.json' && !name.endsWith('.log') && readFileSync(inside).includes(secret);
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
});
const data = join(directory, 'data');
assert.ok(holds(data), 'the lines are on the disk in the first place');
const window = [now - 60 * minute, now + minute];
assert.equal((await lines(`{app="pay"} |= "${secret}"`, ...window)).length, 20);
const request = await fetch(`${server.url}/loki/api/v1/delete?${new URLSearchParams({ query: `{app="pay"} |= "${secret}"`, start: String((now - 3_600_000) / 1000), end: String(now / 1000) })}`, { method: 'POST' });
assert.equal(request.status, 204, await request.text());
const state = async () => (await ask('/loki/api/v1/delete'))[0];
await until('the lines are hidden', async () => (await state()).hidden || (await state()).status === 'processed');
const count = async (query) => Number((await ask('/loki/api/v1/query', { query, time: nanos(now + minute) })).data.result[0]?.value[1] ?? 0);
async function check(when) {
  assert.deepEqual(await lines(`{app="pay"} |= "${secret}"`, ...window), [], when);
  assert.equal(await count('sum(count_over_time({app="pay"}[2h]))'), 1980, when);
  const left = await ask('/loki/api/v1/patterns', { query: '{app="pay"}', start: nanos(window[0]), end: nanos(window[1]), step: '600s' });
  assert.deepEqual(left.data.map((pattern) => pattern.pattern), ['paid order <_>'], when);
}
await check('hidden');
await server.stop('SIGKILL');
await server.start();
await check('after kill -9');
// A line of the same words that comes later stays.
await push({ app: 'pay' }, [[Date.now(), 'paid order 5']]);
await until('the deletion is processed', async () => (await state()).status === 'processed', 60);
assert.ok(!holds(data), 'no file holds the lines once it says processed');
assert.equal(await count('sum(count_over_time({app="pay"}[2h]))'), 1981);

// Retention by selector and level, by whole days.
const old = now - 3 * 24 * 60 * minute;
await push({ app: 'old' }, [[old, 'a debug line']], { detected_level: 'debug' });
await push({ app: 'old' }, [[old, 'an error line']], { detected_level: 'error' });
await server.stop();
await server.start();
await until('the old debug line is gone', async () => (await lines('{app="old"}', old - minute, old + minute)).length === 1);
assert.deepEqual(await lines('{app="old"}', old - minute, old + minute), ['an error line']);

await server.stop();
console.log('log_life: new kinds, patterns, deletion and retention hold');
