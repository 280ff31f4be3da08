// Logs at the size of a day: ./dev bench logs [--json FILE] [--raw-mb 1000] [--keep DIR].
// A fresh server takes a corpus over Loki's push API (1 MB of raw text a push, snappy protobuf), is stopped cleanly (which
// flushes), started again and asked what people ask, warm, with every answer checked against a count made by grep over the
// raw text. Beside them, what the machine itself can do: zstd, ripgrep, memory. The generator shares the machine, so the
// server's own CPU time is the figure to compare; wall times are those of a possibly busy machine.
// The corpus comes from ../shared/bench/logload.cpp over ../shared/data/loghub (OBELISK_SHARED moves that).
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { finishReport, row } from './report.mjs';
import { directoryBytes, sleep, statusOf, untilQuiet } from './server_process.mjs';
import { Server, argument, scratchDirectory } from '../tests/e2e/stack/server.mjs';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const shared = process.env.OBELISK_SHARED ?? path.join(root, '..', 'shared');
const binary = argument('server', 'build/release/obelisk');
const rawMegabytes = Number(argument('raw-mb', '1000'));
const connections = argument('conns', '4');
const only = argument('only');

if (!existsSync(path.join(shared, 'bench', 'logload.cpp')) || !existsSync(path.join(shared, 'data', 'loghub'))) {
  console.log(`bench logs: the generator and its corpus are not in ${shared} (set OBELISK_SHARED): nothing measured`);
  process.exit(0);
}

const run = (command, args, options = {}) => execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26, ...options });
const has = (command) => { try { run('sh', ['-c', `command -v ${command}`]); return true; } catch { return false; } };
const percentile50 = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

// The CPU seconds of a clean stop.
async function stopAndMeasure(server) {
  let last = server.cpuSeconds(), peak = statusOf(server, 'VmHWM');
  const timer = setInterval(() => { try { last = server.cpuSeconds(); peak = statusOf(server, 'VmHWM'); } catch { /* gone */ } }, 5);
  await server.stop();
  clearInterval(timer);
  return { cpu: last, peak };
}

const tools = scratchDirectory('logload');
const loader = path.join(tools, 'logload');
run('g++', ['-O2', '-std=c++17', path.join(shared, 'bench', 'logload.cpp'), '-o', loader, '-lsnappy', '-lpthread']);
const data = path.join(shared, 'data', 'loghub');
const idsFile = path.join(tools, 'ids'), rawFile = path.join(tools, 'raw.log');

const keep = argument('keep');
if (keep) mkdirSync(keep, { recursive: true });
const directory = keep ?? scratchDirectory('logs');
let server = await new Server({ binary, directory }).start();
const endNanos = BigInt(Date.now()) * 1_000_000n - 60_000_000_000n;
const target = (name, value, unit, least, aim) => row(`${name} (at least ${least}, aim ${aim})`, value, unit);

const printed = run(loader, ['--data', data, '--raw-mb', String(rawMegabytes), '--end-ns', String(endNanos), '--conns', connections, '--ids', idsFile,
  '--dump-raw', rawFile, '--url', `${server.url}/loki/api/v1/push`, '--pid', String(server.process.pid)]).trim().split('\n');
const corpus = JSON.parse(printed[0].replace(/"(start|end)_ns":(\d+)/g, '"$1_ns":"$2"')), sent = JSON.parse(printed[1]);
if (sent.first_error) throw new Error(`a push was refused: ${sent.first_error}`);
const gigabytes = corpus.raw_mb / 1000;
const stopped = await stopAndMeasure(server);

await server.start();
const readyMillis = server.startMillis;
await untilQuiet(server);
const mergeCpu = server.cpuSeconds();
const stored = directoryBytes(path.join(directory, 'data', 'tenants'));
row('corpus', corpus.raw_mb, 'MB'); row('lines', corpus.lines, 'lines');
target('ingest, server CPU a GB incl. flush and merge', (stopped.cpu + mergeCpu) / gigabytes, 's/GB', 8, 5);
row('  of it after the restart (merges)', mergeCpu / gigabytes, 's/GB');
target('disk a line, indexes included', stored / corpus.lines, 'B', 19, 16.5);
target('restart to ready', readyMillis, 'ms', 300, 50);

// ---- queries ----

const grepCount = (...args) => Number(run('sh', ['-c', `LC_ALL=C grep -c "$@" || true`, 'grep', ...args, rawFile]).trim());
// Lines of service number `index` of twelve: they are taken in turn.
const countOfService = (index, pattern) =>
  Number(run('sh', ['-c', `LC_ALL=C awk -v k=${index} '(NR-1)%12==k' "$0" | LC_ALL=C grep -cE "$1" || true`, rawFile, pattern]).trim());
const start = BigInt(corpus.start_ns), end = BigInt(corpus.end_ns);
// A minute grid whose windows cover every line once.
const gridStart = start / 60_000_000_000n * 60n, gridEnd = (end / 60_000_000_000n + 1n) * 60n;
const ids = readFileSync(idsFile, 'utf8').trim().split('\n');

async function ask(parameters, instant = false) {
  const answer = await server.getJson(`/loki/api/v1/${instant ? 'query' : 'query_range'}?${new URLSearchParams(parameters)}`);
  return answer.data.result;
}
const perMinute = (query) => ({ query, start: String(gridStart), end: String(gridEnd), step: '60' });
const lines = (query, limit = 100) => ({ query, start: String(start - 1n), end: String(end + 1n), limit: String(limit), direction: 'backward' });
const total = (result) => result.flatMap((series) => series.values).reduce((sum, [, value]) => sum + Number(value), 0);
const lineCount = (result) => result.reduce((sum, stream) => sum + stream.values.length, 0);

async function measure(name, least, aim, unit, repeats, make, count, wanted) {
  if (only && !name.includes(only)) return;
  const walls = [];
  let cpuBefore = 0;
  for (let i = -1; i < repeats; ++i) {  // the first warms up
    if (i === 0) cpuBefore = server.cpuSeconds();
    const began = performance.now();
    const result = await ask(make(i + 1));
    walls.push(performance.now() - began);
    const found = count(result);
    if (found !== wanted) throw new Error(`${name}: ${found} where ${wanted} is right`);
  }
  const cpu = (server.cpuSeconds() - cpuBefore) / repeats, wall = percentile50(walls.slice(1));
  if (unit === 's') {
    target(`${name}, CPU`, cpu / gigabytes, 's/GB', least, aim);
    row(`${name}, wall p50`, wall, 'ms');
  } else {
    target(`${name}, wall p50`, wall, 'ms', least, aim);
    row(`${name}, CPU`, cpu * 1000, 'ms');
  }
  // What parts remember of a question makes it cheaper when it is asked again (docs/OPERATIONS.md): this is without.
  row(`${name}, asked for the first time, wall`, walls[0], 'ms');
}

const everything = '{service=~".+"}';
const address = '[0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}:[0-9]{4,5}', spread = '7.*3.*9.*1';
await measure('unique string', 6, 2, 'ms', 20, () => lines(`${everything} |= "${corpus.needle}"`), lineCount, 1);
await measure('one trace id', 3, 1, 'ms', 20, (i) => lines(`${everything} | trace_id="${ids[(i * 37) % ids.length]}"`), lineCount, 1);
await measure('common word per minute by service', 40, 15, 'ms', 5, () => perMinute(`sum by (service) (count_over_time(${everything} |= "INFO" [1m]))`), total, grepCount('-F', 'INFO'));
await measure('regex without a literal, per minute', 0.8, 0.3, 's', 3, () => perMinute(`sum(count_over_time(${everything} |~ "${address}" [1m]))`), total, grepCount('-E', address));
await measure('regex that prunes nothing, per minute', 2.5, 1.8, 's', 2, () => perMinute(`sum(count_over_time(${everything} |~ "${spread}" [1m]))`), total, grepCount('-E', spread));
await measure('logfmt field equality, one service', 120, 40, 'ms', 5, () => perMinute('sum(count_over_time({service="OpenSSH"} | logfmt | user="root" [1m]))'), total, countOfService(8, '(^| )user=root( |$)'));
await measure('newest 100 lines of a stream', 6, 2, 'ms', 20, (i) => lines(`{service="Spark", host="host-${i % 10}"}`), lineCount, 100);
await measure('all lines per minute', 50, 10, 'ms', 5, () => perMinute(`sum(count_over_time(${everything}[1m]))`), total, corpus.lines);

await sleep(6000);
target('peak memory (VmHWM), ingest and queries', Math.max(stopped.peak, statusOf(server, 'VmHWM')), 'MiB', 320, 200);
row('  of it while ingesting', stopped.peak, 'MiB');
target('idle memory after it', statusOf(server, 'VmRSS'), 'MiB', 120, 60);

// What makes other servers fall over: answered, or refused with the reason, within the time and memory of any query.
async function endure(name, wanted, parameters) {
  if (only && !name.includes(only)) return;
  const began = performance.now(), cpuBefore = server.cpuSeconds();
  const response = await fetch(`${server.url}/loki/api/v1/query_range?${new URLSearchParams(parameters)}`);
  const text = await response.text();
  row(`${name}, wall`, performance.now() - began, 'ms');
  row(`${name}, CPU`, (server.cpuSeconds() - cpuBefore) * 1000, 'ms');
  if (wanted instanceof RegExp) {
    if (response.status === 200 || !wanted.test(text)) throw new Error(`${name}: ${response.status} ${text.slice(0, 300)} where ${wanted} is right`);
    return;
  }
  if (response.status !== 200) throw new Error(`${name}: ${response.status} ${text.slice(0, 300)}`);
  if (wanted === null) return;
  const answer = JSON.parse(text);
  const found = answer.data.resultType === 'streams' ? lineCount(answer.data.result) : total(answer.data.result);
  if (Math.abs(found - wanted) > wanted * 1e-9) throw new Error(`${name}: ${found} where ${wanted} is right`);
}
const perSecond = (query) => ({ query, start: String(gridStart), end: String(gridEnd), step: '1' });
const between = 'a.*b', linesBetween = grepCount('-E', between);
await endure('rate of everything, per minute', corpus.lines / 60, perMinute(`sum(rate(${everything}[1m]))`));
await endure('all lines, per second', corpus.lines, perSecond(`sum(count_over_time(${everything}[1s]))`));
await endure('".*a.*b.*" over everything, per minute', linesBetween, perMinute(`sum(count_over_time(${everything} |~ ".*a.*b.*" [1m]))`));
await endure('".*a.*b.*" over everything, the newest 5,000', Math.min(5000, linesBetween), lines(`${everything} |~ ".*a.*b.*"`, 5000));
await endure('every trace id a series: refused', /maximum number of series/, perMinute(`rate(${everything}[1m])`));
await endure('the busiest of all trace ids', corpus.lines > 5e6 ? /memory budget/ : null, perMinute(`topk(5, sum by (trace_id) (count_over_time(${everything} | trace_id != "" [1m])))`));
row('peak memory with these (a query may take 1,024)', statusOf(server, 'VmHWM'), 'MiB');
await server.stop();

// ---- what the machine can do ----

if (has('zstd')) {
  const [, ratio, compress, decompress] = /([\d.]+)\)?,\s*([\d.]+) MB\/s,?\s*([\d.]+) MB\/s/.exec(run('sh', ['-c', `zstd -b3 -i1 -B256KB "${rawFile}" 2>&1 | tr '\\r' '\\n' | grep MB/s | tail -1`])) ?? [];
  if (ratio) {
    row('limit: zstd -3 of the text, 256 KB blocks', statSync(rawFile).size / Number(ratio) / corpus.lines, 'B/line');
    row('limit: zstd -3 compress', Number(compress), 'MB/s');
    row('limit: zstd -3 decompress', Number(decompress), 'MB/s');
  }
}
if (has('rg')) {
  const began = performance.now();
  run('sh', ['-c', `rg -j1 -c -F ${corpus.needle} "${rawFile}"`]);
  row('limit: ripgrep for the unique string', performance.now() - began, 'ms');
} else {
  console.log('limit: ripgrep is not installed');
}
{
  const memory = Buffer.alloc(256 << 20, 1);
  const began = performance.now();
  if (memory.indexOf(2) !== -1) throw new Error('unreachable');
  row('limit: memory read (memchr, one thread)', memory.length / 1e6 / (performance.now() - began), 'GB/s');
}
finishReport();
process.exit(0);
