// Asks the same of Prometheus (Debian's 2.42) and of Obelisk, and compares the answers:
//   node tests/differential/differential_test.mjs --server build/release/obelisk [--queries N] [--seed S] [--start UNIX]
//        [--ask QUERY --at '{"time":"..."}']      asks one question of both and prints the two answers
// Both get the same generated samples by remote write. First every query template of the compliance suite (skipped
// where ../shared is absent), then N random expressions. Ends with 1 when a difference is not explained by
// exclusions.mjs, or when more than 2 % of the questions needed an exclusion.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { Server, argument, freePorts, scratchDirectory } from '../e2e/stack/server.mjs';
import { difference } from './compare.mjs';
import { stepMs, writeRequests } from './data.mjs';
import { exclusions } from './exclusions.mjs';
import { Grammar } from './grammar.mjs';
import { mutate } from './mutate.mjs';
import { Random } from './random.mjs';
import { expand, readTemplates } from './templates.mjs';

const seed = Number(argument('seed', String(1 + Math.floor(Math.random() * 1e9))));
const count = Number(argument('queries', '20000'));
const start = Number(argument('start', String(Math.floor(Date.now() / 3_600_000) * 3600 - 7200)));
const verbose = Number(argument('show', '20'));
const steps = 960;
const excludedShareMax = 0.02;

if (spawnSync('prometheus', ['--version']).error) {
  console.log('skipped: no prometheus here (apt-get install prometheus)');
  process.exit(0);
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
function post(url, body, headers) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST', agent, headers }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode, text: Buffer.concat(parts).toString() }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function startPrometheus() {
  const directory = scratchDirectory('prometheus');
  const [port] = await freePorts(1);
  fs.writeFileSync(path.join(directory, 'prometheus.yml'), 'global: {}\n');
  const child = spawn('prometheus', [`--config.file=${directory}/prometheus.yml`, `--storage.tsdb.path=${directory}/data`,
    `--web.listen-address=127.0.0.1:${port}`, '--web.enable-remote-write-receiver', '--log.level=error',
    '--storage.tsdb.retention.time=10y'], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 600; ++i) {
    try { if ((await fetch(`${url}/-/ready`)).status === 200) return { url, child }; } catch { /* not yet */ }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('prometheus did not become ready');
}

async function load(urls) {
  const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', 'x-prometheus-remote-write-version': '0.1.0' };
  for (const body of writeRequests(seed, start, steps)) {
    for (const url of urls) {
      const answer = await post(`${url}/api/v1/write`, body, headers);
      if (answer.status >= 300) throw new Error(`${url} refused samples: ${answer.status} ${answer.text}`);
    }
  }
}

async function ask(url, question) {
  const form = new URLSearchParams(question.parameters).toString();
  const answer = await post(`${url}/api/v1/${question.endpoint}`, form, { 'content-type': 'application/x-www-form-urlencoded' });
  try { return JSON.parse(answer.text); } catch { return { status: 'error', errorType: `http ${answer.status}`, error: answer.text.slice(0, 200) }; }
}

const rangeQuestion = (query, from, seconds, step) =>
  ({ endpoint: 'query_range', parameters: { query, start: `${from}.7`, end: `${from + seconds}.7`, step: String(step) } });

function templateQuestions() {
  const file = path.join(process.env.OBELISK_SHARED ?? '../shared', 'conformance/promql/promql-test-queries.yml');
  if (!fs.existsSync(file)) { console.log(`no query templates: ${file} is not there`); return []; }
  return expand(readTemplates(file)).map((query) => rangeQuestion(query, start + 4000, 600, 10));
}

function randomQuestions(count, random, change) {
  const grammar = new Grammar(random, start, (steps * stepMs) / 1000);
  return Array.from({ length: count }, () => {
    const query = change(grammar.query());
    const from = start + 300 + random.below(4200);
    if (random.chance(0.4)) return { endpoint: 'query', parameters: { query, time: `${from}.7` } };
    const step = random.pick([5, 10, 17, 30, 60]);
    return rangeQuestion(query, from, step * random.below(16), step);
  });
}

class Tally {
  constructor(name) { Object.assign(this, { name, asked: 0, agreed: 0, failures: 0, unexplained: [], excluded: new Map() }); }
  add(question, expected, found) {
    this.asked += 1;
    if (expected.status !== 'success') this.failures += 1;
    if (!found) { this.agreed += 1; return; }
    const reason = exclusions.find((exclusion) => exclusion.explains(question.parameters.query, found, question));
    if (reason) this.excluded.set(reason.name, (this.excluded.get(reason.name) ?? 0) + 1);
    else this.unexplained.push({ question, found });
  }
  report() {
    const excluded = [...this.excluded.values()].reduce((a, b) => a + b, 0);
    console.log(`${this.name}: ${this.asked} asked (${this.failures} refused by Prometheus), ${this.agreed} agree, ${excluded} excluded, ${this.unexplained.length} unexplained`);
    for (const [name, times] of this.excluded) console.log(`  ${times} x ${name}: ${exclusions.find((one) => one.name === name).change}`);
    for (const { question, found } of this.unexplained.slice(0, verbose)) {
      const { query, ...when } = question.parameters;
      console.log(`  ${query}\n      ${question.endpoint} ${JSON.stringify(when)} ${found.kind}\n      ${found.text}`);
    }
    return this.unexplained.length === 0 && excluded <= this.asked * excludedShareMax;
  }
}

async function compareAll(name, questions, [prometheus, obelisk]) {
  const tally = new Tally(name);
  let next = 0;
  const work = async () => {
    while (next < questions.length) {
      const question = questions[next++];
      const [expected, actual] = await Promise.all([ask(prometheus, question), ask(obelisk, question)]);
      tally.add(question, expected, difference(expected, actual));
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  return tally;
}

console.log(`seed ${seed}, data from ${start} (repeat with --seed ${seed} --start ${start})`);
const prometheus = await startPrometheus();
const server = await new Server({ binary: argument('server', 'build/release/obelisk'), directory: scratchDirectory('differential') }).start();
let good = true;
try {
  const urls = [prometheus.url, server.url];
  await load(urls);
  if (argument('ask')) {
    const at = JSON.parse(argument('at', `{"time":"${start + 4000}.7"}`));
    const question = { endpoint: at.time ? 'query' : 'query_range', parameters: { query: argument('ask'), ...at } };
    for (const url of urls) console.log(JSON.stringify(await ask(url, question), null, 1));
    process.exit(0);
  }
  const damage = new Random(seed + 2);
  for (const [name, questions] of [['templates', templateQuestions()],
    ['random expressions', randomQuestions(count, new Random(seed + 1), (query) => query)],
    ['damaged expressions', randomQuestions(Math.ceil(count / 5), damage, (query) => mutate(damage, query))]]) {
    good = (await compareAll(name, questions, urls)).report() && good;
  }
} finally {
  prometheus.child.kill('SIGTERM');
  await server.stop();
}
process.exit(good ? 0 : 1);
