// The TraceQL differential over a running server (traceql_test.mjs has it over every kind of store):
//   node tests/differential/traceql_http_test.mjs --server build/release/obelisk [--queries N] [--seed S]
// Every data set is a tenant of one server. The first pieces of its traces are sent before a restart, the others after
// it. Ends with 1 when an answer of Tempo's API is not what the evaluator expects.
import { argument } from '../e2e/stack/server.mjs';
import { Random } from './random.mjs';
import { expectedLines } from './traceql/answers.mjs';
import { piecesOf, questionsFor, tracesOf } from './traceql/data.mjs';
import { RunningServer } from './traceql/http.mjs';
import { gridOf } from './traceql/metrics.mjs';
import { QueryGenerator } from './traceql/queries.mjs';
import { TraceGenerator } from './traceql/traces.mjs';

const seed = Number(argument('seed', String(1 + Math.floor(Math.random() * 1e9))));
const total = Number(argument('queries', '5000'));
const shown = Number(argument('show', '5'));
const questionsEach = 250;

function dataSet(number) {
  const random = new Random(seed * 1000 + number);
  const generator = new TraceGenerator(random);
  const loads = piecesOf(Array.from({ length: 6 + random.below(24) }, (_, i) => generator.trace(i + 1)).flat(), random);
  return { tenant: `set${number}`, random, loads, early: Math.floor(loads.length / 2), traces: tracesOf(loads) };
}

const second = 1e9;
// Searches over HTTP name whole seconds.
function overHttp(question) {
  if (question.kind === 'metrics') return question;
  const range = question.range && [Math.floor(question.range[0] / second) * second, (Math.floor(question.range[1] / second) + 1) * second];
  return { ...question, kind: 'search', range };
}

function expected(question, traces, epoch) {
  const lines = expectedLines(question, traces, epoch);
  if (question.kind !== 'metrics' || question.step) return lines;
  const valued = lines.filter((line) => !line.endsWith('} _'));  // an instant answer has no series without a value
  return valued.length > 0 ? valued : ['none'];
}

console.log(`seed ${seed} (repeat with --seed ${seed} --queries ${total})`);
const sets = Array.from({ length: Math.ceil(total / questionsEach) }, (_, number) => dataSet(number));
const server = new RunningServer(argument('server', 'build/release/obelisk'));
let [asked, empty] = [0, 0];
const differences = [];
await server.start();
try {
  for (const { tenant, loads, early } of sets) for (const load of loads.slice(0, early)) await server.send(tenant, load);
  await server.restart();
  for (const { tenant, loads, early } of sets) for (const load of loads.slice(early)) await server.send(tenant, load);
  for (const { tenant, traces, random } of sets) {
    for (const question of questionsFor(new QueryGenerator(random), Math.min(questionsEach, total - asked)).map(overHttp)) {
      const wanted = expected(question, traces, server.epoch);
      const grid = question.kind === 'metrics' ? gridOf(question, server.epoch) : null;
      const { query, lines } = await server.answer(tenant, question, grid, random);
      asked += 1;
      if (wanted[0] === 'none') empty += 1;
      if (lines.join('\n') !== wanted.join('\n')) differences.push({ tenant, question, query, wanted, lines });
    }
  }
} finally {
  await server.stop();
}
console.log(`${asked} queries over HTTP: ${differences.length} differ, ${asked - empty} find something`);
for (const { tenant, question, query, wanted, lines } of differences.slice(0, shown)) {
  const when = `${question.range ?? ''} ${question.step ?? ''} ${question.limit ?? ''} ${question.slowest ?? ''}`;
  console.log(`--- ${tenant} ${question.kind} ${when}: ${query}\n  expected\n    ${wanted.join('\n    ')}\n  got\n    ${lines.join('\n    ')}`);
}
const meaningful = asked - empty > asked * 0.3;
if (!meaningful) console.log('too many of the queries find nothing');
process.exit(differences.length === 0 && meaningful ? 0 : 1);
