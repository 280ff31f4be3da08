// Spans from OTLP to answers: what a span costs to take in and to keep, and how long questions take.
// ./dev bench traces [--json FILE] [--spans N] [--only main|ingest|five|derived|small|large]. The load is traceload.cpp of the shared benchmarks (../shared, or
// $OBELISK_SHARED), built with g++; without it the bench says so and ends. Ingest is judged by the server's CPU time, since the
// generator shares the machine, and its flush and merges are part of it. Answers are checked; a wrong one ends the run.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { row, finishReport } from './report.mjs';
import { largeTraceId, sendLargeTrace } from '../tests/e2e/stack/large_trace.mjs';
import { Server, argument, scratchDirectory } from '../tests/e2e/stack/server.mjs';

const binary = argument('server', 'build/release/obelisk');
const spanTarget = Number(argument('spans', '2000000'));
const only = argument('only', '');
const smallSpans = Math.min(spanTarget, Number(argument('small-spans', '600000')));
const sharedDirectory = process.env.OBELISK_SHARED ?? '../shared';
const source = path.join(sharedDirectory, 'bench', 'traceload.cpp');
if (!existsSync(source)) {
  console.log(`skipped: ${source} is not there (set OBELISK_SHARED)`);
  process.exit(0);
}
const tools = scratchDirectory('traceload');
const generator = path.join(tools, 'traceload');
execFileSync('g++', ['-O2', '-std=c++17', source, '-o', generator, '-lpthread'], { stdio: 'inherit' });

const check = (holds, what) => { if (!holds) throw new Error(`wrong answer: ${what}`); };
const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

function partFiles(directory) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(directory, entry.name);
    return entry.isDirectory() ? partFiles(full) : [full];
  });
}
const spanFiles = (server) => partFiles(path.join(server.directory, 'data', 'tenants')).filter((file) => file.includes('/spans/'));
const status = (server, field) => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${server.process.pid}/status`, 'utf8'))[1]) / 1024;

// dd's nocache flag without data to copy is posix_fadvise(DONTNEED) over the whole file.
function evict(files) {
  for (const file of files) execFileSync('dd', [`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']);
}

async function load(server, spans, batch, ids) {
  const child = spawn(generator, ['--spans', String(spans), '--batch-spans', String(batch), '--conns', '4', '--ids', ids, '--url', `${server.url}/v1/traces`,
    '--pid', String(server.process.pid)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (data) => { text += data; });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`the generator ended with ${code}`);
  const [made, sent] = text.trim().split('\n').map((line) => JSON.parse(line));
  check(sent.spans_sent === made.spans, `${sent.spans_sent} of ${made.spans} spans taken, ${sent.first_error}`);
  return { ...made, ...sent };
}

// The files of spans and their sizes; a merge changes them while it waits for the disk and uses no CPU.
function spanFilesNow(server) {
  try {
    return spanFiles(server).map((file) => `${file} ${statSync(file).size}`).join('\n');
  } catch {
    return 'a file went away';
  }
}

// Waits until merges have ended: for a second the server's CPU has been quiet and no file has changed. Returns its CPU time.
async function quiet(server) {
  let before = server.cpuSeconds(), files = spanFilesNow(server), calm = 0;
  while (calm < 2) {
    await sleep(500);
    const now = server.cpuSeconds(), filesNow = spanFilesNow(server);
    calm = now - before < 0.02 && filesNow === files ? calm + 1 : 0;
    before = now;
    files = filesNow;
  }
  return before;
}

// A clean stop writes what is in memory to parts. The last CPU figure and memory peak before the process is gone.
async function stopAndMeasure(server) {
  let cpu = server.cpuSeconds(), peak = status(server, 'VmHWM');
  const timer = setInterval(() => { try { cpu = server.cpuSeconds(); peak = status(server, 'VmHWM'); } catch { /* gone */ } }, 5);
  await server.stop();
  clearInterval(timer);
  return { cpu, peak };
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
function get(server, pathAndQuery, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.get(new URL(pathAndQuery, server.url), { agent, headers }, (response) => {
      const chunks = [];
      response.on('data', (data) => chunks.push(data));
      response.on('end', () => {
        const body = Buffer.concat(chunks);
        if (response.statusCode !== 200) reject(new Error(`${pathAndQuery}: ${response.statusCode} ${body.toString().slice(0, 300)}`));
        else resolve(body);
      });
    });
    request.on('error', reject);
  });
}
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];

// The first answer, which is checked, then the median of nine. Until the last byte of the body has come: reading
// JSON is the client's work.
async function timed(server, name, pathAndQuery, verify) {
  let answer;
  const once = async () => {
    const started = performance.now();
    const body = await get(server, pathAndQuery);
    const elapsed = performance.now() - started;
    answer = JSON.parse(body);
    return elapsed;
  };
  const first = await once();
  verify(answer);
  const cpu = server.cpuSeconds();
  const times = [];
  for (let i = 0; i < 9; ++i) times.push(await once());
  times.sort((a, b) => a - b);
  row(`${name}, median of 9 (first ${first.toFixed(1)}, server CPU ${((server.cpuSeconds() - cpu) / 9 * 1000).toFixed(1)} ms)`, quantile(times, 0.5), 'ms');
}

// Ingest alone: server CPU a span from an empty directory until everything is in parts.
async function ingest(name, spans, batch, config) {
  execFileSync('sync');  // what an earlier part left to the page cache is not written while this one waits for its syncs
  const server = await new Server({ binary, directory: scratchDirectory('traces'), config }).start();
  const cpuBefore = server.cpuSeconds();
  const sent = await load(server, spans, batch, path.join(server.directory, 'ids.txt'));
  const acknowledged = server.cpuSeconds() - cpuBefore;
  await quiet(server);
  const stopped = await stopAndMeasure(server);
  await server.start();  // with everything in parts, and merges that the last flush made worth doing
  const settled = stopped.cpu - cpuBefore + await quiet(server);
  row(`${name}: server CPU until the last acknowledgement`, acknowledged / sent.spans * 1e6, 'us/span');
  row(`${name}: server CPU with flush, to a clean stop`, (stopped.cpu - cpuBefore) / sent.spans * 1e6, 'us/span');
  row(`${name}: server CPU with flush, merges and a restart`, settled / sent.spans * 1e6, 'us/span');
  row(`${name}: wall`, sent.spans / sent.seconds, 'spans/s');
  return { server, sent, peak: stopped.peak };
}

const plain = 'span_metrics: false\nservice_graph: false';

// Every span counted by its service. Returns how to ask for metrics of the whole range.
async function rateByService(server, sent, name) {
  const range = `start=${Math.floor(sent.first_ns / 1e9) - 5}&end=${Math.ceil(sent.last_ns / 1e9) + 5}`;
  const total = (answer) => answer.series.flatMap((series) => series.samples).reduce((sum, sample) => sum + Number(sample.value), 0);
  const step = 10;
  const metrics = (q) => `/api/metrics/query_range?${range}&step=${step}s&q=${encodeURIComponent(q)}`;
  await timed(server, name, metrics('{} | rate() by (resource.service.name)'), (answer) => {
    check(answer.series.length === 8, `${answer.series.length} services`);
    const spans = Math.round(total(answer) * step);
    check(spans === sent.spans, `${spans} spans counted, ${sent.spans} sent`);
  });
  return metrics;
}

// Milliseconds of each trace, asked for one after the other on one connection. By curl: what this process collects and compiles
// meanwhile takes longer than the slowest answers.
function byId(server, ids) {
  const answer = (id) => path.join(server.directory, `${id}.trace`);
  const config = path.join(server.directory, 'curl.txt');
  writeFileSync(config, ids.map((id) => `url = ${server.url}/api/traces/${id}\noutput = ${answer(id)}\n`).join(''));
  const lines = execFileSync('curl', ['-s', '-H', 'accept: application/protobuf', '-w', '%{http_code} %{time_total}\n', '-K', config], { encoding: 'utf8' });
  const times = lines.trim().split('\n').map((line) => line.split(' '));
  check(times.length === ids.length && times.every(([status]) => status === '200'), `traces by id: ${lines}`);
  for (const id of ids) check(readFileSync(answer(id)).includes(Buffer.from(id, 'hex')), `trace ${id}`);
  return times.map(([, seconds]) => Number(seconds) * 1000);
}

async function queries(server, sent) {
  const ids = readFileSync(path.join(server.directory, 'ids.txt'), 'utf8').trim().split('\n').map((line) => line.split(' '));
  const wanted = ids.slice(0, 200);
  const start = Math.floor(sent.first_ns / 1e9) - 5, end = Math.ceil(sent.last_ns / 1e9) + 5;
  const range = `start=${start}&end=${end}`;
  evict(spanFiles(server));
  const times = byId(server, wanted.map(([id]) => id)).sort((a, b) => a - b);
  row(`trace by id, p50 of ${wanted.length}, files evicted before`, quantile(times, 0.5), 'ms');
  row(`trace by id, p99 of ${wanted.length}, files evicted before`, quantile(times, 0.99), 'ms');
  // Requests that touch no span: the client compiles its own code before it times anything.
  for (let i = 0; i < 500; ++i) await get(server, '/ready', { accept: 'application/protobuf' });

  const search = (q, extra = '') => `/api/search?${range}&q=${encodeURIComponent(q)}${extra}`;
  const [traceId, requestId, userId] = ids[Math.floor(ids.length / 2)];
  const sameTrace = (a, b) => a.padStart(32, '0') === b.padStart(32, '0');
  await timed(server, 'search by a unique attribute value', search(`{ span.app.request.id = "${requestId}" }`), (answer) => {
    check(answer.traces.length === 1 && sameTrace(answer.traces[0].traceID, traceId), `request id ${requestId}`);
  });
  await timed(server, 'search by a user id, 1 of 100 k', search(`{ span.app.user.id = "${userId}" }`), (answer) => {
    check(answer.traces.some((trace) => sameTrace(trace.traceID, traceId)), `user ${userId}`);
  });
  await timed(server, 'service and duration > 300 ms, newest 20', search('{ resource.service.name = "checkout" && duration > 300ms }', '&limit=20'), (answer) => {
    check(spanTarget < 2_000_000 ? answer.traces.length > 0 : answer.traces.length === 20, `${answer.traces.length} slow traces`);
    const starts = answer.traces.map((trace) => BigInt(trace.startTimeUnixNano));
    check(starts.every((value, i) => i === 0 || value <= starts[i - 1]), 'newest first');
  });
  await timed(server, 'service and duration > 30 s, none', search('{ resource.service.name = "checkout" && duration > 30s }'), (answer) => check(answer.traces.length === 0, 'none'));
  await timed(server, 'structural >>, many matches, limit 20', search('{ resource.service.name = "frontend" } >> { resource.service.name = "payment" }'), (answer) => check(answer.traces.length === 20, 'many'));
  await timed(server, 'structural >> without a match, whole range', search('{ resource.service.name = "payment" } >> { resource.service.name = "frontend" }'), (answer) => check(answer.traces.length === 0, 'none'));

  const metrics = await rateByService(server, sent, 'rate() by (service), whole range');
  await timed(server, 'p99 of duration by service, whole range', metrics('{} | quantile_over_time(duration, .99) by (resource.service.name)'), (answer) => check(answer.series.length === 8, `${answer.series.length} services`));
  let distinct = 0;
  await timed(server, 'values of an attribute with many distinct values', `/api/v2/search/tag/span.app.user.id/values?${range}&limit=0`, (answer) => { distinct = answer.tagValues.length; });
  row('distinct values found', distinct, 'values');
  if (spanTarget === 2_000_000) {
    check(sent.spans === 2_000_077 && sent.traces === 94_760, `${sent.spans} spans in ${sent.traces} traces`);
    check(distinct >= 61_000 && distinct <= 62_000, `${distinct} distinct users`);
  }
}

if (only === '' || only === 'main') {
  const { server, sent, peak } = await ingest(`ingest of ${spanTarget.toLocaleString('en-US')} spans, batches of 2,000`, spanTarget, 2000, plain);
  const files = spanFiles(server);
  row('disk a span, all indexes', files.reduce((sum, file) => sum + statSync(file).size, 0) / sent.spans, 'B');
  row('span parts', files.length, 'files');
  row('peak memory of ingest (VmHWM)', peak, 'MiB');
  await queries(server, sent);
  row('peak memory (VmHWM), ingest and queries', Math.max(peak, status(server, 'VmHWM')), 'MiB');
  await server.stop();
}
if (only === 'ingest') {
  const { server, sent, peak } = await ingest(`ingest of ${spanTarget.toLocaleString('en-US')} spans, batches of 2,000`, spanTarget, 2000, plain);
  row('disk a span, all indexes', spanFiles(server).reduce((sum, file) => sum + statSync(file).size, 0) / sent.spans, 'B');
  row('peak memory of ingest (VmHWM)', peak, 'MiB');
  await server.stop();
}
if (only === '' || only === 'five') {
  const many = Number(argument('many-spans', spanTarget >= 2_000_000 ? '5000000' : String(spanTarget)));
  const { server, sent, peak } = await ingest(`ingest of ${many.toLocaleString('en-US')} spans, batches of 2,000`, many, 2000, plain);
  row(`disk a span of ${many.toLocaleString('en-US')}, all indexes`, spanFiles(server).reduce((sum, file) => sum + statSync(file).size, 0) / sent.spans, 'B');
  await rateByService(server, sent, `rate() by (service) over ${many.toLocaleString('en-US')} spans`);
  row(`peak memory (VmHWM), ${many.toLocaleString('en-US')} spans`, Math.max(peak, status(server, 'VmHWM')), 'MiB');
  await server.stop();
}
if (only === '' || only === 'derived') {
  const { server } = await ingest('ingest with span metrics and service graph, batches of 2,000', spanTarget, 2000, '');
  await server.stop();
}
if (only === '' || only === 'small') {
  const { server } = await ingest('ingest, batches of 10', smallSpans, 10, plain);
  await server.stop();
}

// One trace of a million spans: taken in within the memory bounds, and opened by parts.
async function largeTrace(total) {
  const server = await new Server({ binary, directory: scratchDirectory('traces'), config: plain }).start();
  await sendLargeTrace(server, total);
  await quiet(server);
  const stopped = await stopAndMeasure(server);
  row(`a trace of ${total.toLocaleString('en-US')} spans: peak memory of ingest (VmHWM)`, stopped.peak, 'MiB');
  await server.start();
  await quiet(server);
  const part = (name) => `/obelisk/api/v1/traces/${largeTraceId}/${name}`;
  const started = performance.now();
  const overview = JSON.parse(await get(server, part('overview')));
  row('its overview, the first request', performance.now() - started, 'ms');
  check(overview.spans === total && overview.errors === Math.floor(total / 1000), `${overview.spans} spans, ${overview.errors} errors`);
  await timed(server, 'two levels of its tree', part('tree?depth=3&limit=200'), (answer) => check(answer.total === 111, `${answer.total} spans in three levels`));
  await timed(server, 'its tree with equal paths together', part('aggregate'), (answer) => check(answer.nodes.length > 0, 'nodes'));
  await timed(server, 'its critical path', part('critical-path'), (answer) => check(answer.spans.length > 0, 'critical path'));
  await timed(server, 'a search within it', part('tree?find=step-7&limit=50'), (answer) => check(answer.total > 0, 'found'));
  row(`a trace of ${total.toLocaleString('en-US')} spans: peak memory of reading (VmHWM)`, status(server, 'VmHWM'), 'MiB');
  await server.stop();
}
if (only === '' || only === 'large') await largeTrace(Number(argument('large-spans', spanTarget >= 2_000_000 ? '1000000' : '100000')));
finishReport();
process.exit(0);
