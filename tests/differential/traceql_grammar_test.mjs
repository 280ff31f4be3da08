// What Grafana's editor takes for TraceQL (npm's @grafana/lezer-traceql) against what our parser does, over generated
// queries, sound and damaged:
//   node tests/differential/traceql_grammar_test.mjs --server build/release/obelisk [--queries N] [--seed S] [--grammar ui]
// Our own interface has the package, in its directory `ui`; skipped where it is not installed. The editor's grammar is an older and
// looser one; every kind of difference is listed here with its reason, and one that none explains ends the run with 1.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { argument, scratchDirectory } from '../e2e/stack/server.mjs';
import { mutate } from './mutate.mjs';
import { Random } from './random.mjs';
import { QueryGenerator } from './traceql/queries.mjs';
import { Renderer } from './traceql/render.mjs';
import { words } from './traceql/words.mjs';

const seed = Number(argument('seed', String(1 + Math.floor(Math.random() * 1e9))));
const count = Number(argument('queries', '20000'));
const home = path.resolve(argument('grammar', 'ui'));
if (!fs.existsSync(path.join(home, 'node_modules/@grafana/lezer-traceql'))) {
  console.log(`skipped: ${home}/node_modules has no @grafana/lezer-traceql (npm ci)`);
  process.exit(0);
}
const { parser } = createRequire(path.join(home, 'package.json'))('@grafana/lezer-traceql');

const acceptedHere = [  // and not by the editor
  ['intrinsics that it lacks or that are ours', /span:childCount|nestedSet|selfTime|onCriticalPath|parentID/],
  ['the parent scope', /\bparent\b/],
  ['names in other scripts, and with quotes within', /[^\x20-\x7e]|\w"|"\w|\.\./],
  ['minInt and maxInt, exponents, fractions without a whole, times of several units', /minInt|maxInt|\de[+-]?\d|(^|[^\w"])\.\d|\d\.(\D|$)|[a-zµ]\d+(\.\d+)?(ms|[smhnuµ])|\d\.\d+(ms|[smhnuµ])/],
  ['metrics compared and calculated with', /(rate|over_time|compare|topk|bottomk)\s*\([^|]*\)\s*[-<>=!+*/]|[-+*/]\s*\(/],
  ['pipelines compared', /\|\s*(count|min|max|sum|avg)\s*\([^|]*\)\s*\)/],
  ['names that begin with a digit or a sign, or like a scope', /(^|[^\w"])(span|resource|event|link|instrumentation)?\.[^\w\s"]|\b(span|resource|event|link|instrumentation)\.\d|\.(span|resource|event|link|instrumentation)[.:]/],
  ['blanks between and before parentheses', /\(\s+\)|\w\s+\(\)/],
];
const acceptedThere = [  // and not here
  ['blanks within an attribute', /\b(span|resource|event|link|instrumentation|parent)\s+\.|\.\s/],
  ['integers of more than 64 bits, numbers without an end', /\d{19,}|1e999/],
  ['stages behind something that is no |', /(\|\||&&|[!&]?[<>~]+)\s*(by|coalesce|select|rate|\w+_over_time|compare|topk|bottomk)\s*\(/],
  ['values and conditions in by()', /\bby\s*\([^)]*["`\d<>=!-]|\bby\s*\([^)]*\b(nil|true|false|error|ok)\b/],
  ['names that go on behind a tab', /\.[^\s]+\t/],
  ['stages joined like spansets', /\b(by|coalesce|select)\([^)]*\)\s*(\|\||&&|[<>~!&])|[!&]?[<>~]+\s*(count|min|max|avg|sum)\s*\(|!~\s*-?\d|\|\s*(count|min|max|avg|sum)\([^|{]*(\|\||&&|[!&]?[<>~]{1,2})\s*\{|[<>=]\s*\d+\s*!?=\s*(count|min|max|avg|sum)\s*\(/],
  ['names of nothing', /\.""/],
  ['conditions related like spansets, and aggregates like them', /\{[^}]*[\w)"`]\s*[!&]?~\s*[("`\w.]|(\|\||&&)\s*(count|min|max|sum|avg)\s*\(/],
  ['stages behind others that cannot go on', /(rate|over_time|compare)\s*\(.*\|\s*[{(]|(rate|_over_time|compare)\([^|]*\)[^|]*\|\s*(?!topk|bottomk)\w/],
  ['aggregates matched by patterns', /\)\s*=~/],
  ['coalesce first, aggregates of calls', /^\(?\s*coalesce|count\(\s*[^)\s]/],
  ['attributes that are not ended as it thinks', /[.\w]"[^"]*"\w|\.\w*[[\]\\;]/],
];

const accepts = (query) => {
  let sound = true;
  parser.parse(query).iterate({ enter: (node) => { if (node.type.isError) sound = false; } });
  return sound;
};

// The queries that our parser refuses (what it refuses for its types it has parsed).
function refusedHere(queries) {
  const file = path.join(scratchDirectory('grammar'), 'queries.yaml');
  fs.writeFileSync(file, `valid:\n${queries.map((query) => `  - ${JSON.stringify(query)}\n`).join('')}`);
  const run = spawnSync(argument('server', 'build/release/obelisk'), ['test-traceql', file], { encoding: 'utf8', maxBuffer: 1 << 30 });
  if (!/ of \d+ passed/.test(run.stdout)) throw new Error(`the runner ended by ${run.signal ?? run.status}: ${run.stderr}`);
  return new Set([...run.stdout.matchAll(/: valid: ([^\n]*) is parse_error$/gm)].map(([, query]) => query));
}

const random = new Random(seed);
const generator = new QueryGenerator(random);
const queries = [...new Set(Array.from({ length: count }, (_, i) => {
  const query = new Renderer(random).question(generator.question());
  return (i % 2 === 0 ? query : mutate(random, query, words)).replace(/[\n\r]/g, ' ');
}))];
const refused = refusedHere(queries);
const explained = new Map();
const open = [];
let alike = 0;
for (const query of queries) {
  const [here, there] = [!refused.has(query), accepts(query)];
  if (here === there) { alike += 1; continue; }
  const reason = (here ? acceptedHere : acceptedThere).find(([, pattern]) => pattern.test(query));
  const name = `${here ? 'accepted here' : 'accepted there'}: ${reason?.[0]}`;
  if (reason) explained.set(name, (explained.get(name) ?? 0) + 1);
  else open.push(`${here ? 'here' : 'there'}: ${query}`);
}
console.log(`seed ${seed}: ${queries.length} queries, ${alike} alike, ${queries.length - alike - open.length} explained, ${open.length} not`);
for (const [name, times] of explained) console.log(`  ${times} x ${name}`);
for (const query of open.sort((a, b) => a.length - b.length).slice(0, 30)) console.log(`  accepted only ${query}`);
process.exit(open.length === 0 && alike > queries.length / 2 ? 0 : 1);
