// Metrics against the figures to reach: ./dev bench metrics [--peers] [--steps 120] [--only write,kill,scrape,churn,cardinality,tiers] [--json FILE].
// The load is bench/metrics_load.mjs. CPU is the whole server process, user and system, from before the first request
// until ten seconds after the last; memory is resident memory minus that of the empty server. Every system gets the same
// bytes, and what it has stored is counted by a query. With --peers the same is measured of Debian's Prometheus and
// VictoriaMetrics in the same run.
import http from 'node:http';
import path from 'node:path';
import { DaysLoad, MetricsLoad, hostileRequest, metricNames, stepMillis } from './metrics_load.mjs';
import { Obelisk, Prometheus, VictoriaMetrics, diskBytes, installPeers, pause } from './metrics_systems.mjs';
import { row, finishReport } from './report.mjs';
import { argument } from '../tests/e2e/stack/server.mjs';

const steps = Number(argument('steps', '120'));
const only = argument('only', 'write,kill,scrape,churn,cardinality,tiers').split(',');
const peers = process.argv.includes('--peers');
if (peers) installPeers();
const binary = argument('server', 'build/release/obelisk');
const systems = { obelisk: () => new Obelisk(binary), ...(peers ? { prometheus: () => new Prometheus(), victoria: () => new VictoriaMetrics() } : {}) };

// measure: [unit, at least, aim]
const targets = {
  'remote write, CPU a sample': ['us', 0.3, 0.18],
  'remote write, CPU a sample after the first 5 steps': ['us'],
  'first sight of 100 k series, CPU a series': ['us'],
  'scrape of a 10 MB page, CPU a sample': ['us', 0.6, 0.3],
  'disk a sample': ['B', 1.06, 1.03],
  'index a series': ['B', 20, 10],
  'resident memory a series': ['B', 650, 420],
  'kill -9 to ready': ['s'],
  'kill -9 to a complete count': ['s', 1, 0.2],
  'count over 100 k series, wall': ['ms', 100, 50],
  'count over 100 k series, CPU': ['ms', 100, 50],
  'sum by of rate, 4,000 series x 100 steps, wall': ['ms', 15, 5],
  'sum by of rate, 4,000 series x 100 steps, CPU': ['ms', 15, 5],
  'one series x 100 steps, wall': ['ms'],
  'churn (10 x 100 k series), CPU a sample': ['us'],
  'churn, resident memory a series': ['B'],
  'churn, peak of resident memory': ['MB'],
  'churn, disk a sample with index': ['B'],
  '10 M hostile series, peak of resident memory': ['MB', 1074, 600],
  '10 M hostile series, refused': ['%'],
  '90 days of 40 series, samples: disk a sample': ['B'],
  '90 days, tier of 5m: disk a sample of those it stands for': ['B'],
  '90 days, tier of 1h: disk a sample of those it stands for': ['B'],
  '90 days of rate by job in steps of 1h, samples': ['ms'],
  '90 days of rate by job in steps of 1h, tier of 1h': ['ms'],
  '76 days of rate by job in steps of 10m, samples': ['ms'],
  '76 days of rate by job in steps of 10m, tier of 5m': ['ms'],
};
const results = {};
function note(measure, system, value) {
  (results[measure] ??= {})[system] = value;
  row(`${measure} [${system}]`, value, targets[measure][0]);
}

const firstTime = Math.floor(Date.now() / stepMillis) * stepMillis - (steps + 20) * stepMillis;
const lastSecond = (firstTime + (steps - 1) * stepMillis) / 1000;
// A metric at a time: series of two metrics have the same labels once count_over_time() has dropped the name.
const everything = metricNames.map((name) => `sum(count_over_time(${name}[${Math.ceil((steps + 20) * stepMillis / 60_000)}m]))`).join(' + ');

async function sendStep(system, load, step) {
  const queue = load.bodies(firstTime + step * stepMillis);
  await Promise.all([0, 1].map(async () => { for (let body; (body = queue.shift());) await system.write(body); }));
}

async function expectCount(system, wanted, what) {
  const counted = await system.number(everything, lastSecond);
  if (counted !== wanted) throw new Error(`${system.name}: ${what}: ${wanted} samples were sent, the store has ${counted}`);
}

async function timeQuery(system, measure, query, at, check) {
  await system.query(query, at);
  const rounds = 5;
  const before = system.cpuSeconds();
  let best = Infinity;
  for (let i = 0; i < rounds; ++i) {
    const started = performance.now();
    const result = await system.query(query, at);
    best = Math.min(best, performance.now() - started);
    if (!check(result)) throw new Error(`${system.name}: a wrong answer to ${query}: ${JSON.stringify(result).slice(0, 300)}`);
  }
  note(`${measure}, wall`, system.name, best);
  if (targets[`${measure}, CPU`]) note(`${measure}, CPU`, system.name, (system.cpuSeconds() - before) * 1000 / rounds);
}

async function measureWrite(system) {
  const load = new MetricsLoad();
  await system.start();
  await pause(1000);
  const base = { cpu: system.cpuSeconds(), memory: system.memory('VmRSS') };
  let steady;
  for (let step = 0; step < steps; ++step) {
    if (step > 0) load.advance();
    await sendStep(system, load, step);
    if (step === 0) { await pause(1000); note('first sight of 100 k series, CPU a series', system.name, (system.cpuSeconds() - base.cpu) / load.count * 1e6); }
    if (step === 4) steady = system.cpuSeconds();
  }
  await pause(10_000);
  const samples = steps * load.count;
  note('remote write, CPU a sample', system.name, (system.cpuSeconds() - base.cpu) / samples * 1e6);
  if (steps > 5) note('remote write, CPU a sample after the first 5 steps', system.name, (system.cpuSeconds() - steady) / (samples - 5 * load.count) * 1e6);
  note('resident memory a series', system.name, (system.memory('VmRSS') - base.memory) / load.count);
  if (system.name === 'victoria') await system.request('GET', '/internal/force_flush');
  await expectCount(system, samples, 'after remote write');
  await timeQuery(system, 'count over 100 k series', 'count({__name__=~"app_.*"})', lastSecond, (r) => Number(r[0].value[1]) === load.count);
  const range = { start: String(lastSecond - 99 * 15), end: String(lastSecond), step: '15' };
  const points = Math.min(100, steps - 1);
  await timeQuery(system, 'sum by of rate, 4,000 series x 100 steps', 'sum by (job) (rate(app_requests_0_total[5m]))', range,
    (r) => r.length === 4 && r.every((s) => s.values.length >= points));
  await timeQuery(system, 'one series x 100 steps', 'app_load_13_ratio{instance="host-007:9100",path="/api/v1/resource3",code="200"}', range,
    (r) => r.length === 1 && r[0].values.length >= points);
  const { samples: sampleBytes, index } = await system.disk();
  note('disk a sample', system.name, sampleBytes / samples);
  note('index a series', system.name, index / load.count);
  await expectCount(system, samples, 'after a flush to disk');
  await system.stop();
}

// Killed right after the last answer, with more requests under way.
async function measureKill(system) {
  const load = new MetricsLoad();
  await system.start();
  for (let step = 0; step < steps; ++step) {
    if (step > 0) load.advance();
    await sendStep(system, load, step);
  }
  // Under way when it dies, of a time that the count does not reach.
  const lost = load.bodies(firstTime + (steps + 30) * stepMillis).map((body) => system.write(body).catch(() => {}));
  await pause(5);
  await system.stop('SIGKILL');
  await Promise.all(lost);
  const started = performance.now();
  note('kill -9 to ready', system.name, await system.start());
  let counted = 0;
  const wanted = steps * load.count;
  while (counted !== wanted && performance.now() - started < 60_000) {
    counted = await system.number(everything, lastSecond);
    if (counted !== wanted) await pause(20);
  }
  const seconds = (performance.now() - started) / 1000;
  if (counted === wanted) {
    note('kill -9 to a complete count', system.name, seconds);
  } else {
    console.log(`${system.name}: ${wanted - counted} of ${wanted} acknowledged samples are lost after kill -9`);
    if (system.name === 'obelisk') throw new Error('acknowledged samples are lost');
  }
  await system.stop();
}

async function measureScrape(system) {
  const load = new MetricsLoad();
  const page = load.page();
  let served = 0;
  const target = http.createServer((_, response) => {
    ++served;
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4', 'content-length': page.length });
    response.end(page);
  });
  await new Promise((resolve) => target.listen(0, '127.0.0.1', resolve));
  system.scrape(`127.0.0.1:${target.address().port}`);
  await system.start();
  const until = async (count) => { while (served < count) await pause(100); await pause(2500); };
  await until(2);
  const [cpu, first] = [system.cpuSeconds(), served];
  await until(first + 5);
  note('scrape of a 10 MB page, CPU a sample', system.name, (system.cpuSeconds() - cpu) / ((served - first) * load.count) * 1e6);
  const now = Date.now() / 1000;
  const stored = await system.number('count({__name__=~"app_.*"})', now);
  if (stored !== load.count) throw new Error(`${system.name}: a page of ${load.count} series was scraped, ${stored} are there`);
  await system.stop();
  target.close();
}

// Ten generations of targets, each with all its series new.
async function measureChurn(system) {
  const load = new MetricsLoad();
  await system.start();
  await pause(1000);
  const base = { cpu: system.cpuSeconds(), memory: system.memory('VmRSS') };
  const each = Math.ceil(steps / 10);
  for (let step = 0; step < steps; ++step) {
    if (step > 0 && step % each === 0) load.rename(step / each);
    if (step > 0) load.advance();
    await sendStep(system, load, step);
  }
  await pause(10_000);
  const samples = steps * load.count, generations = Math.ceil(steps / each);
  note('churn (10 x 100 k series), CPU a sample', system.name, (system.cpuSeconds() - base.cpu) / samples * 1e6);
  note('churn, resident memory a series', system.name, (system.memory('VmRSS') - base.memory) / (load.count * generations));
  note('churn, peak of resident memory', system.name, system.memory('VmHWM') / 1e6);
  if (system.name === 'victoria') await system.request('GET', '/internal/force_flush');
  await expectCount(system, samples, 'after churn');
  const { samples: sampleBytes, index } = await system.disk();
  note('churn, disk a sample with index', system.name, (sampleBytes + index) / samples);
  await system.stop();
}

// Ten million series from one sender beside a well-behaved one: refused by name beyond the limit, within memory,
// and the other is served all the while. Of Obelisk alone: the peers have no such limit.
async function measureCardinality(system) {
  if (system.name !== 'obelisk') return;
  const series = Number(argument('hostile-series', '10000000')), each = 5000;
  const load = new MetricsLoad({ targets: 10 });
  await system.start();
  let refusal = '';
  for (let request = 0; request < series / each; ++request) {
    const body = hostileRequest(request, each, firstTime + 60_000);
    const { status, text } = await system.request('POST', '/api/v1/write', body,
      { 'content-encoding': 'snappy', 'content-type': 'application/x-protobuf' });
    if (status === 400) refusal ||= text;
    else if (status === 503) { await pause(100); request -= 1; } // full for now: a sender tries again
    else if (status !== 204 && status !== 200) throw new Error(`hostile write: ${status} ${text.slice(0, 300)}`);
    if (request % 100 === 0) await sendStep(system, load, Math.floor(request / 100));
  }
  if (!/series_limit exceeded: job "hostile"/.test(refusal)) throw new Error(`the refusal does not name the limit: ${refusal.slice(0, 300)}`);
  console.log(`  said: ${refusal.trim().slice(0, 200)}`);
  const metrics = await system.metrics();
  const refused = Number(/obelisk_intake_refused_rows_total\{[^}]*series_limit[^}]*\} (\S+)/.exec(metrics)?.[1] ?? 0);
  const good = await system.number('count({__name__=~"app_.*"})', firstTime / 1000);
  if (good !== load.count) throw new Error(`${load.count} good series were sent beside the hostile ones, ${good} are there`);
  note('10 M hostile series, peak of resident memory', system.name, system.memory('VmHWM') / 1e6);
  note('10 M hostile series, refused', system.name, refused / series * 100);
  await system.stop();
}

// What a long range costs by samples and by downsampled tiers; both must answer the same. Of Obelisk alone.
async function measureTiers(system) {
  if (system.name !== 'obelisk') return;
  const days = Number(argument('days', '90')), load = new DaysLoad(), day = 86_400_000;
  system.extra = ['retention: {metrics: 400d}'];
  await system.start();
  const end = Math.floor(Date.now() / day) * day - day, begin = end - days * day;
  for (let i = 0; i < days; ++i) await system.write(load.day(begin + i * day));
  // Written by the server itself, a day after the other.
  const blocks = async () => JSON.parse((await system.request('GET', '/api/v1/status/tsdb/blocks')).text).data.blocks;
  const ofTier = (all, resolution) => all.filter((block) => block.compaction.hints?.includes(`downsampled to ${resolution}`));
  const covered = (tier) => tier.reduce((sum, block) => sum + Math.round((block.maxTime - block.minTime) / day), 0);
  await system.stop(); // everything into parts: tiers are made of those
  await system.start();
  let all;
  for (let i = 0; ; ++i) {
    all = await blocks();
    if (['5m', '1h'].every((resolution) => covered(ofTier(all, resolution)) >= days)) break;
    if (i === 600) throw new Error('the tiers were not written within five minutes');
    await pause(500);
  }
  const samples = days * load.samplesPerDay;
  note('90 days of 40 series, samples: disk a sample', system.name, (await system.disk()).samples / samples);
  for (const [resolution, millis] of [['5m', 300_000], ['1h', 3_600_000]]) {
    const bytes = diskBytes(system.data, (file) => path.basename(file).startsWith(`${millis}-`) && file.endsWith('.tier'));
    note(`90 days, tier of ${resolution}: disk a sample of those it stands for`, system.name, bytes / samples);
  }
  const time = async (measure, step, window, more) => {
    const range = { end: String(end / 1000), step: String(step), ...more };
    let best = Infinity, result;
    for (let i = 0; i < 3; ++i) {
      const started = performance.now();
      result = await system.query(`sum by (job) (rate(days_requests_total[${window}]))`, range);
      best = Math.min(best, performance.now() - started);
    }
    note(measure, system.name, best);
    return result;
  };
  const same = (a, b) => a.length === 4 && a.every((series, i) => series.values.length === b[i].values.length && series.values.every(([at, value], j) =>
    at === b[i].values[j][0] && Math.abs(value - b[i].values[j][1]) <= 1e-9 * Math.abs(value)));
  // 76 days are as many steps of ten minutes as a query may have.
  for (const [length, step, window, tier] of [[90, 3600, '1h', '1h'], [76, 600, '10m', '5m']]) {
    const start = String(Math.max(begin / 1000 + 86_400, end / 1000 - length * 86_400));
    const measure = `${length} days of rate by job in steps of ${window}, `;
    const raw = await time(`${measure}samples`, step, window, { start, tiers: 'off' });
    const fast = await time(`${measure}tier of ${tier}`, step, window, { start });
    if (!same(raw, fast)) throw new Error(`the tier of ${tier} answers other than its samples`);
  }
  await system.stop();
}

const parts = { write: measureWrite, kill: measureKill, scrape: measureScrape, churn: measureChurn, cardinality: measureCardinality, tiers: measureTiers };
for (const part of only) {
  if (!parts[part]) throw new Error(`--only knows ${Object.keys(parts).join(', ')}, not ${part}`);
  for (const make of Object.values(systems)) await parts[part](make());
}

const shown = (value) => (value === undefined ? '-' : value >= 1000 ? Math.round(value).toLocaleString('en-US') : value >= 100 ? value.toFixed(0) : value.toPrecision(3));
const names = Object.keys(systems);
const line = (cells) => console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(52) : cell.padStart(14))).join(' '));
console.log();
line(['', ...names, ...names.slice(1).map((name) => `x ${name}`), 'at least', 'aim', '']);
for (const [measure, by] of Object.entries(results)) {
  const [unit, least, aim] = targets[measure];
  const verdict = least === undefined ? '' : by.obelisk <= aim ? 'aim' : by.obelisk <= least ? 'reached' : 'MISSED';
  line([`${measure}, ${unit}`, ...names.map((name) => shown(by[name])),
    ...names.slice(1).map((name) => (by[name] ? (by[name] / by.obelisk).toPrecision(3) : '-')), shown(least), shown(aim), verdict]);
}
finishReport();
process.exit(0);
