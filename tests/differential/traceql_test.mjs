// Asks the same of an evaluator that does the obvious (traceql/evaluate.mjs, metrics.mjs: plain loops over traces held
// as objects, sharing nothing with the server) and of the server's query engine over every kind of store:
//   node tests/differential/traceql_test.mjs --server build/release/obelisk [--queries N] [--seed S] [--traces N]
//   node tests/differential/traceql_http_test.mjs ...      the same over a running server
// N traces at a time (6 to 29 without), so that parts have blocks to skip.
// Generated traces come in pieces, some of them late, twice, without their parents or in circles. Random sound queries
// must be answered alike; damaged ones must be refused or answered, and alike by all stores. The first differences are
// made small and printed as query scripts; then the run ends with 1.
import { argument, scratchDirectory } from '../e2e/stack/server.mjs';
import { mutate } from './mutate.mjs';
import { Random } from './random.mjs';
import { piecesOf, questionsFor, tracesOf } from './traceql/data.mjs';
import { commandOf, expectedLines } from './traceql/answers.mjs';
import { QueryGenerator } from './traceql/queries.mjs';
import { Renderer } from './traceql/render.mjs';
import { runScript } from './traceql/runner.mjs';
import { smallerLoads, smallerQuestions } from './traceql/shrink.mjs';
import { TraceGenerator, loadText } from './traceql/traces.mjs';
import { words } from './traceql/words.mjs';

const seed = Number(argument('seed', String(1 + Math.floor(Math.random() * 1e9))));
const total = Number(argument('queries', '20000'));
const tracesEach = Number(argument('traces', '0'));
const shown = Number(argument('show', '5'));
const binary = argument('server', 'build/release/obelisk');
const directory = scratchDirectory('traceql');
const questionsEach = 250;
const damagedEach = 60;

const caseOf = (question, traces, random) => ({ command: commandOf(question, random), lines: expectedLines(question, traces) });

function firstThatFails(loads, questions) {
  const traces = tracesOf(loads);
  const cases = questions.map((question) => caseOf(question, traces));
  const failed = runScript(binary, directory, loads, cases).map((one) => one.index);
  return failed.length > 0 ? questions[Math.min(...failed)] : null;
}

// Smaller and smaller, question and traces in turns; null when the plain spelling does not fail.
function shrink(loads, question) {
  let runs = 0;
  if (!firstThatFails(loads, [question])) return null;
  for (let smaller = true; smaller && runs < 400;) {
    smaller = false;
    const next = [...smallerQuestions(question)];
    const found = next.length > 0 ? firstThatFails(loads, next) : null;
    if (found) { question = found; smaller = true; continue; }
    for (const fewer of smallerLoads(loads)) {
      if (++runs > 400) break;
      if (fewer.flat().length > 0 && firstThatFails(fewer, [question])) { loads = fewer; smaller = true; break; }
    }
  }
  return { loads, question };
}

function tell({ loads, question, command, lines, failure }) {
  const small = shrink(loads, question);
  console.log(`--- ${failure.store} differs: ${command}\n  expected\n    ${lines.join('\n    ')}\n  got\n    ${failure.got.join('\n    ')}`);
  if (!small) return console.log('  (only as it is spelled there)');
  const traces = tracesOf(small.loads);
  const { command: short, lines: wanted } = caseOf(small.question, traces);
  const [first] = runScript(binary, directory, small.loads, [{ command: short, lines: wanted }]);
  console.log(`the smallest case (${first.store}), with what is expected:\n${small.loads.map(loadText).join('')}${short}\n${wanted.map((line) => `  ${line}\n`).join('')}got\n${first.got.map((line) => `  ${line}\n`).join('')}`);
}

const differences = [];
const tally = { asked: 0, empty: 0, damaged: 0, refused: 0, spans: 0 };

function round(number) {
  const random = new Random(seed * 1000 + number);
  const generator = new TraceGenerator(random);
  const spans = Array.from({ length: tracesEach || 6 + random.below(24) }, (_, i) => generator.trace(i + 1)).flat();
  const loads = piecesOf(spans, random);
  const traces = tracesOf(loads);
  const queries = new QueryGenerator(random);
  const questions = questionsFor(queries, Math.min(questionsEach, total - tally.asked));
  const cases = questions.map((question) => caseOf(question, traces, random));
  tally.asked += cases.length;
  tally.empty += cases.filter(({ lines }) => lines.length === 0 || lines[0] === 'none').length;
  tally.spans += spans.length;
  for (const failure of runScript(binary, directory, loads, cases)) {
    if (differences.some((one) => one.round === number && one.index === failure.index)) continue;
    differences.push({ round: number, index: failure.index, loads, question: questions[failure.index], ...cases[failure.index], failure });
  }
  damaged(random, queries, loads);
}

// Whatever the answer, the memory store gives the others' too.
function damaged(random, queries, loads) {
  const cases = Array.from({ length: damagedEach }, () => {
    const question = queries.question();
    const text = mutate(random, new Renderer(random).question(question), words).replace(/[\n\r]/g, ' ');
    return { command: commandOf({ ...question, text }), lines: ['?'] };
  }).filter(({ command }) => command.trim() === command);
  const answers = new Map();
  for (const { index, store, got } of runScript(binary, directory, loads, cases)) {
    const text = got.join('\n');
    const [first] = answers.get(index) ?? [];
    answers.set(index, [...(answers.get(index) ?? []), { store, text }]);
    if (first && first.text !== text) console.log(`--- stores differ: ${cases[index].command}\n  ${first.store}: ${first.text}\n  ${store}: ${text}`);
    if (first && first.text !== text) tally.split = (tally.split ?? 0) + 1;
  }
  tally.damaged += cases.length;
  tally.refused += [...answers.values()].filter(([first]) => first.text.startsWith('fails ')).length;
}

console.log(`seed ${seed} (repeat with --seed ${seed} --queries ${total})`);
for (let number = 0; tally.asked < total; ++number) {
  round(number);
  if (differences.length > 50) break;
}
console.log(`${tally.asked} queries on ${tally.spans} spans, each by five stores: ${differences.length} differ, ${tally.asked - tally.empty} find something`);
console.log(`${tally.damaged} damaged queries: ${tally.refused} refused, ${tally.damaged - tally.refused} answered, ${tally.split ?? 0} differ between stores`);
for (const difference of differences.slice(0, shown)) tell(difference);
const meaningful = tally.asked - tally.empty > tally.asked * 0.3;
if (!meaningful) console.log('too many of the queries find nothing');
process.exit(differences.length === 0 && !tally.split && meaningful ? 0 : 1);
