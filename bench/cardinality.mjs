// Logs of very many streams: ./dev bench cardinality [--json FILE] [--values 1000000] [--streams 100000].
// Two loads that other servers refuse or fall over: a stream label with a million distinct values (a line each), and
// 100,000 streams of ten lines with a trace id of its own each. Every push has to be accepted; then any of them is looked
// up by its label value, by its trace id, and by a string in its line, warm, with the answer checked, and the label's values
// are listed. Figures: server CPU to store, disk a line, memory, restart, and the time of a look-up.
import http from 'node:http';
import path from 'node:path';
import { finishReport, row } from './report.mjs';
import { directoryBytes, sleep, statusOf, untilQuiet } from './server_process.mjs';
import { snappyLiterals } from './protobuf.mjs';
import { Server, argument, scratchDirectory } from '../tests/e2e/stack/server.mjs';

const binary = argument('server', 'build/release/obelisk');
const valueCount = Number(argument('values', '1000000')), streamCount = Number(argument('streams', '100000'));
const linesPerStream = 10, streamsPerPush = 10_000;
const percentile = (values, of) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * of))];


// ---- Loki's push request, written by hand: millions of small messages ----

class Writer {
  constructor() { this.buffer = Buffer.allocUnsafe(8 << 20); this.at = 0; }
  room(bytes) {
    if (this.at + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(this.buffer.length * 2);
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
  }
  varint(value) {
    while (value > 127) { this.buffer[this.at++] = (value % 128) | 128; value = Math.floor(value / 128); }
    this.buffer[this.at++] = value;
  }
  text(field, value) {  // ASCII below 128 bytes
    this.buffer[this.at++] = (field << 3) | 2;
    this.buffer[this.at++] = value.length;
    this.at += this.buffer.latin1Write(value, this.at);
  }
  // What `write` writes, as a message: its length is at most 16,383 bytes.
  message(field, write) {
    this.room(16_384 + 3);
    this.buffer[this.at] = (field << 3) | 2;
    const start = this.at + 3;
    this.at = start;
    write();
    const length = this.at - start;
    this.buffer[start - 2] = (length % 128) | 128;
    this.buffer[start - 1] = length >> 7;
  }
  take() { return Buffer.from(this.buffer.subarray(0, this.at)); }
}

const nowSeconds = Math.floor(Date.now() / 1000);
const traceId = (number) => `${((number * 2654435761) % 4294967296).toString(16).padStart(8, '0')}${number.toString(16).padStart(24, 'a')}`;

function payload(first, count, labelsOf, linesOf) {
  const out = new Writer();
  for (let stream = first; stream < first + count; ++stream) {
    out.message(1, () => {
      out.text(1, labelsOf(stream));
      for (const [offset, line, id] of linesOf(stream)) {
        out.message(2, () => {
          out.message(1, () => {
            out.buffer[out.at++] = 8;
            out.varint(nowSeconds - 1800 + Math.floor(offset / 1000));
            out.buffer[out.at++] = 16;
            out.varint((offset % 1000) * 1_000_000);
          });
          out.text(2, line);
          if (id) out.message(3, () => { out.text(1, 'trace_id'); out.text(2, id); });
        });
      }
    });
  }
  return snappyLiterals(out.take());
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
function push(server, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(`${server.url}/loki/api/v1/push`, { method: 'POST', agent, headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' } }, (response) => {
      let text = '';
      response.on('data', (data) => { text += data; });
      response.on('end', () => (response.statusCode === 204 ? resolve() : reject(new Error(`a push was refused: ${response.statusCode} ${text.slice(0, 300)}`))));
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function streamsOf(server, query, limit = 10) {
  const parameters = { query, start: String(nowSeconds - 3600), end: String(nowSeconds + 60), limit: String(limit) };
  return (await server.getJson(`/loki/api/v1/query_range?${new URLSearchParams(parameters)}`)).data.result;
}
const lineCount = (result) => result.reduce((sum, stream) => sum + stream.values.length, 0);

async function lookUps(server, name, make, wanted, repeats = 40) {
  const walls = [];
  const cpuBefore = server.cpuSeconds();
  for (let i = 0; i < repeats + 2; ++i) {  // the first two warm up
    const began = performance.now();
    const found = lineCount(await streamsOf(server, make(i)));
    walls.push(performance.now() - began);
    if (found !== wanted) throw new Error(`${name}: ${found} lines where ${wanted} are right: ${make(i)}`);
  }
  row(`${name}, p50 (at least 20)`, percentile(walls.slice(2), 0.5), 'ms');
  row(`${name}, p95`, percentile(walls.slice(2), 0.95), 'ms');
  row(`${name}, CPU`, (server.cpuSeconds() - cpuBefore) / (repeats + 2) * 1000, 'ms');
}

async function run(title, streams, lines, labelsOf, linesOf, ask) {
  const directory = scratchDirectory('cardinality');
  const server = await new Server({ binary, directory }).start();
  console.log(`---- ${title}`);
  const began = performance.now();
  const waiting = new Set();
  for (let first = 0; first < streams; first += streamsPerPush) {
    const sent = push(server, payload(first, Math.min(streamsPerPush, streams - first), labelsOf, linesOf)).finally(() => waiting.delete(sent));
    waiting.add(sent);
    if (waiting.size >= 4) await Promise.race(waiting);
  }
  await Promise.all(waiting);
  row(`${title}: lines stored`, streams * lines, 'lines');
  row('wall until all were acknowledged', (performance.now() - began) / 1000, 's');
  await ask(server, ' (fresh)', 5);
  await untilQuiet(server, 240);
  row('server CPU', server.cpuSeconds(), 's');
  row('peak memory while storing', statusOf(server, 'VmHWM'), 'MiB');
  await server.stop();
  await server.start();
  row('restart to ready', server.startMillis, 'ms');
  await untilQuiet(server, 240);
  row('disk a line', directoryBytes(path.join(directory, 'data', 'tenants')) / (streams * lines), 'B');
  row('memory before questions', statusOf(server, 'VmRSS'), 'MiB');
  await ask(server, '', 40);
  row('peak memory with questions', statusOf(server, 'VmHWM'), 'MiB');
  await sleep(5000);
  row('idle memory after it', statusOf(server, 'VmRSS'), 'MiB');
  await server.stop();
}

const scattered = (i, of) => (i * 7919 * 104729 + 12345) % of;
const valueName = (number) => `order-${number.toString(36).padStart(7, '0')}`;
await run('a label with very many values', valueCount, 1,
  (stream) => `{app="checkout", order="${valueName(stream)}"}`,
  (stream) => [[stream % 1_700_000, `level=info msg="order accepted" order_number=${100_000_000 + stream} items=${stream % 7}`, '']],
  async (server, when, repeats) => {
    await lookUps(server, `one stream of ${valueCount}${when}`, (i) => `{order="${valueName(scattered(i, valueCount))}"}`, 1, repeats);
    await lookUps(server, `one number in all streams${when}`, (i) => `{app="checkout"} |= "order_number=${100_000_000 + scattered(i, valueCount)}"`, 1, repeats);
    const began = performance.now();
    const values = (await server.getJson(`/loki/api/v1/label/order/values?${new URLSearchParams({ start: String(nowSeconds - 3600), end: String(nowSeconds + 60) })}`)).data;
    if (new Set(values).size !== valueCount) throw new Error(`${values.length} label values where ${valueCount} are right`);
    row(`all values of the label listed${when}`, performance.now() - began, 'ms');
    const range = { start: String(nowSeconds - 3600), end: String(nowSeconds + 60) };
    const timed = async (name, path, parameters, check) => {
      const start = performance.now();
      const answer = await server.getJson(`/loki/api/v1/${path}?${new URLSearchParams({ ...range, ...parameters })}`);
      row(`${name}${when}`, performance.now() - start, 'ms');
      if (!check(answer)) throw new Error(`${name}: ${JSON.stringify(answer).slice(0, 300)}`);
      row(`memory peak behind it${when}`, statusOf(server, 'VmHWM'), 'MiB');
    };
    await timed('label names', 'labels', {}, ({ data }) => data.includes('order'));
    await timed('detected labels', 'detected_labels', {}, ({ detectedLabels }) => detectedLabels.find(({ label }) => label === 'order').cardinality === valueCount);
    await timed('statistics of all streams', 'index/stats', { query: '{app="checkout"}' }, ({ streams, entries }) => streams === valueCount && entries === valueCount);
    await timed('all streams listed', 'series', { 'match[]': '{app="checkout"}' }, ({ data }) => data.length === valueCount && new Set(data.map(({ order }) => order)).size === valueCount);
  });
await run('streams with a trace id a line', streamCount, linesPerStream,
  (stream) => `{app="payment", pod="payment-${stream}"}`,
  (stream) => Array.from({ length: linesPerStream }, (_, i) => [(stream + i * 97_003) % 1_700_000, `level=info msg="card charged" amount=${(stream * 31 + i) % 90_000}`, traceId(stream * linesPerStream + i)]),
  async (server, when, repeats) => {
    await lookUps(server, `one stream of ${streamCount}${when}`, (i) => `{pod="payment-${scattered(i, streamCount)}"}`, linesPerStream, repeats);
    await lookUps(server, `one trace id of ${streamCount * linesPerStream}${when}`, (i) => `{app="payment"} | trace_id="${traceId(scattered(i, streamCount * linesPerStream))}"`, 1, repeats);
  });
finishReport();
process.exit(0);
