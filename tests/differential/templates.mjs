// The compliance suite's query templates with every variant filled in. The file is read where it is found
// (conformance data is not part of this repository); of its YAML only what it uses is understood: a list of
// mappings with `query`, `variant_args` and `should_fail` on a line each.
import fs from 'node:fs';

const variants = {
  range: ['1s', '15s', '1m', '5m', '15m', '1h'],
  offset: ['1m', '5m', '10m'],
  quantile: ['-0.5', '0.1', '0.5', '0.75', '0.95', '0.90', '0.99', '1', '1.5'],
  simpleAggrOp: ['sum', 'avg', 'max', 'min', 'count', 'stddev', 'stdvar'],
  topBottomOp: ['topk', 'bottomk'],
  arithBinOp: ['+', '-', '*', '/', '%', '^'],
  compBinOp: ['==', '!=', '<', '>', '<=', '>='],
  binOp: ['+', '-', '*', '/', '%', '^', '==', '!=', '<', '>', '<=', '>='],
  simpleMathFunc: ['abs', 'ceil', 'floor', 'exp', 'sqrt', 'ln', 'log2', 'log10', 'round'],
  simpleTimeAggrOp: ['sum', 'avg', 'max', 'min', 'count', 'stddev', 'stdvar', 'absent', 'last', 'present'],
  extrapolatedRateFunc: ['delta', 'rate', 'increase'],
  instantRateFunc: ['idelta', 'irate'],
  clampFunc: ['clamp_min', 'clamp_max'],
  dateFunc: ['day_of_month', 'day_of_week', 'days_in_month', 'hour', 'minute', 'month', 'year'],
};

function unquote(text) {
  const value = text.trim();
  if (value.startsWith("'")) return value.slice(1, value.lastIndexOf("'")).replaceAll("''", "'");
  if (value.startsWith('"')) return JSON.parse(value.slice(0, value.lastIndexOf('"') + 1));
  return value;
}

export function readTemplates(file) {
  const cases = [];
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    if (line.trim().startsWith('#')) continue;
    const query = line.match(/^\s*(?:-\s*)?query:\s*(.*)$/);
    if (query) cases.push({ query: unquote(query[1]), args: [], shouldFail: false });
    const args = line.match(/variant_args:\s*\[(.*)\]/);
    if (args) cases.at(-1).args = args[1].split(',').map((arg) => unquote(arg));
    if (/should_fail:\s*true/.test(line)) cases.at(-1).shouldFail = true;
  }
  return cases;
}

export function expand(cases) {
  const queries = [];
  const fill = (query, args) => {
    if (args.length === 0) { queries.push(query); return; }
    const [arg, ...rest] = args;
    if (!variants[arg]) throw new Error(`unknown variant ${arg}`);
    for (const value of variants[arg]) fill(query.replaceAll(`{{.${arg}}}`, value), rest);
  };
  for (const one of cases) fill(one.query, one.args);
  return queries;
}
