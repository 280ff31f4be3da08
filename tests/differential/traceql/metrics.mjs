// Metrics queries the slow way: every span that a pipeline finds is put into a list of its series and point, and what
// a function says of the list is computed at the end.
import { evaluate, runPipeline } from './evaluate.mjs';
import { fieldText, namePart } from './render.mjs';
import { read } from './trace.mjs';
import * as v from './values.mjs';

// Points of a question: {begin, step, count, holdsEnd}, in ns after the epoch of the tests.
export function gridOf(question, epoch) {
  const [begin, end] = question.range;
  if (!question.step) return { begin, step: end - begin, count: 1 };
  const rest = Number((BigInt(epoch) + BigInt(begin)) % BigInt(question.step));
  const first = begin - rest;
  return { begin: first, step: question.step, count: Math.floor((end - first - 1) / question.step) + 1 };
}

// A point holds its end and not its begin, but the first one both.
function pointOf(grid, time) {
  for (let i = 0; i < grid.count; ++i) {
    const [begin, end] = [grid.begin + i * grid.step, grid.begin + (i + 1) * grid.step];
    if ((time > begin || (i === 0 && time === begin)) && time <= end) return i;
  }
  return -1;
}

const shown = (value) => (value.t === 'duration' ? Number(value.v) / 1e9 : Number(value.v));
const label = (name, value) => [name, value.t === 'nil' ? v.string('nil') : v.asKey(value)];

// The smallest power of two that is not below the value; 2^-64 is shown as 0; negative values have none.
function exponentOf(value) {
  if (!(value >= 0)) return null;
  let e = -64;
  while (e < 64 && 2 ** e < value) ++e;
  return e;
}

// Counts by power of two are walked upwards until the rank is used up. `list`: [{number, weight}]
function quantile(list, q) {
  const counts = new Map();
  for (const { number, weight } of list) {
    const e = exponentOf(number);
    if (e !== null) counts.set(e, (counts.get(e) ?? 0) + weight);
  }
  const buckets = [...counts].sort((a, b) => a[0] - b[0]);
  if (buckets.length === 0) return NaN;
  let rank = Math.max(1, Math.ceil(q * buckets.reduce((sum, one) => sum + one[1], 0)));
  let below = null;  // the bucket of 0 is no bound to interpolate from
  for (const [e, count] of buckets) {
    if (e === -64 && rank <= count) return 0;
    if (rank === count) return 2 ** e;
    if (rank < count) return 2 ** ((below ?? e - 1) + (e - (below ?? e - 1)) * (rank / count));
    rank -= count;
    if (e !== -64) below = e;
  }
  throw new Error('the rank is above the count');
}

function foundSpans(m, grid, traces) {
  const last = grid.begin + grid.count * grid.step;
  const found = [];
  for (const trace of traces) {
    const input = trace.spans.filter((span) => span.start >= grid.begin && span.start <= last);
    for (const set of runPipeline(m.stages, [{ spans: input, attributes: [] }], trace))
      for (const span of set.spans) found.push({ span, trace, point: pointOf(grid, span.start) });
  }
  return found;
}

const seriesOf = (labels, values) => ({ labels, values });

// How many spans a sampled one stands for: th is what was thrown away of 2^56, its first digits.
function weightOf(span) {
  const threshold = /^(?:.*,)?ot=(?:[^,]*;)?th:([0-9a-f]{1,14})(?:[;,].*)?$/.exec(span.state);
  return threshold ? 2 ** 56 / (2 ** 56 - parseInt(threshold[1].padEnd(14, '0'), 16)) : 1;
}

const sumOf = (list, of) => list.reduce((sum, one) => sum + of(one), 0);

function simple(m, labels, lists, grid) {
  const values = lists.map((list) => {
    const count = sumOf(list, ({ weight }) => weight);
    switch (m.f) {
      case 'rate': return count / (grid.step / 1e9);
      case 'count_over_time': return count;
      default: if (list.length === 0) return NaN;
    }
    // NaN is no extreme, and as little is infinity that any number would be better than.
    const numbers = list.map(({ value }) => shown(value)).filter((number) => !Number.isNaN(number) && number !== { min_over_time: Infinity, max_over_time: -Infinity }[m.f]);
    const extreme = (of) => (numbers.length > 0 ? of(...numbers) : NaN);
    const sum = sumOf(list, ({ value, weight }) => shown(value) * weight);
    return { min_over_time: extreme(Math.min), max_over_time: extreme(Math.max), sum_over_time: sum, avg_over_time: sum / count }[m.f];
  });
  return [seriesOf(labels.length > 0 ? labels : [['__name__', v.string(m.f)]], values)];
}

function histogram(labels, lists, unit) {
  const exponents = [...new Set(lists.flat().map(({ number }) => exponentOf(number)).filter((e) => e !== null))];
  return exponents.map((e) => seriesOf([...labels, ['__bucket', v.float(e === -64 ? 0 : 2 ** e / unit)]],
    lists.map((list) => sumOf(list.filter(({ number }) => exponentOf(number) === e), ({ weight }) => weight))));
}

function functionOver(m, grid, traces, extrapolate) {
  const series = new Map();
  for (const { span, trace, point } of foundSpans(m, grid, traces)) {
    const numbers = m.argument ? v.elements(read(m.argument, span, trace)).filter(v.isNumber) : [v.int(1)];
    if (numbers.length === 0) continue;
    const by = m.by.map((one) => read(one, span, trace));
    const key = JSON.stringify(by.map((one) => [one.t, v.text(one)]));
    if (!series.has(key)) {
      series.set(key, { labels: m.by.map((one, i) => label(fieldText(one), by[i])), lists: Array.from({ length: grid.count }, () => []) });
    }
    for (const value of numbers) series.get(key).lists[point].push({ value, number: v.asNumber(value), weight: extrapolate ? weightOf(span) : 1 });
  }
  return [...series.values()].flatMap(({ labels, lists }) => {
    const unit = lists.flat().some(({ value }) => value.t === 'duration') ? 1e9 : 1;
    if (m.f === 'histogram_over_time') return histogram(labels, lists, unit);
    if (m.f !== 'quantile_over_time') return simple(m, labels, lists, grid);
    return m.quantiles.map((q) => seriesOf([...labels, ['p', v.float(q)]], lists.map((list) => quantile(list, q) / unit)));
  });
}

// The attributes of a span that compare() looks at, as [name, value].
function comparedAttributes(span, trace) {
  const attributes = [['name', v.string(span.name)], ['kind', v.kind(span.kind)], ['status', v.status(span.status)],
    ['rootName', v.string(trace.rootName())], ['rootServiceName', v.string(trace.rootService())]];
  if (span.message !== '') attributes.push(['statusMessage', v.string(span.message)]);
  if (span.service !== '') attributes.push(['resource.service.name', v.string(span.service)]);
  for (const scope of ['span', 'resource', 'instrumentation'])
    for (const [name, value] of span[scope]) if (value.t !== 'list' && value.t !== 'nil' && !value.isArray) attributes.push([`${scope}.${namePart(name)}`, value]);
  return attributes;
}

function compareSides(m, grid, traces) {
  const zeros = () => new Array(grid.count).fill(0);
  const sides = { baseline: new Map(), selection: new Map() };
  for (const { span, trace, point } of foundSpans(m, grid, traces)) {
    const inTime = !m.during || (span.start >= m.during[0] && span.start < m.during[1]);
    const side = sides[inTime && v.isTrue(evaluate(m.selection.e, span, trace)) ? 'selection' : 'baseline'];
    for (const [name, value] of comparedAttributes(span, trace)) {
      if (!side.has(name)) side.set(name, { totals: zeros(), values: new Map() });
      const counts = side.get(name);
      counts.totals[point] += 1;
      const key = v.keyText(value);
      if (!counts.values.has(key)) counts.values.set(key, { value, counts: zeros() });
      counts.values.get(key).counts[point] += 1;
    }
  }
  const total = (one) => one.counts.reduce((a, b) => a + b, 0);
  const top = m.top ?? 10;
  const cut = new Set(Object.values(sides).flatMap((side) => [...side].filter(([, { values }]) => values.size > top).map(([name]) => name)));
  const errors = [...cut].map((name) => seriesOf([['__meta_error', v.string('__too_many_values__')], [name, v.string('nil')]], new Array(grid.count).fill(NaN)));
  return errors.concat(Object.entries(sides).flatMap(([meta, side]) => [...side].flatMap(([name, { totals, values }]) => {
    const ranked = [...values.values()].sort((a, b) => total(b) - total(a) || v.keyOrder(a.value, b.value)).slice(0, top);
    return [...ranked.map((one) => seriesOf([['__meta_type', v.string(meta)], [name, one.value]], one.counts)),
      seriesOf([['__meta_type', v.string(`${meta}_total`)], [name, v.string('nil')]], totals)];
  })));
}

// --- second stages and arithmetic ---------------------------------------------------------------------------------

function labelOrder(a, b) {
  for (let i = 0; i < Math.min(a.length, b.length); ++i) {
    const byName = Buffer.compare(Buffer.from(a[i][0]), Buffer.from(b[i][0]));
    if (byName !== 0) return byName;
    const byValue = v.keyOrder(a[i][1], b[i][1]);
    if (byValue !== 0) return byValue;
  }
  return a.length - b.length;
}
const sorted = (series) => [...series].sort((a, b) => labelOrder(a.labels, b.labels));

// At each point the n largest (smallest); of equals those whose labels come first.
function ranked(series, n, largest) {
  const kept = sorted(series).map((one) => ({ ...one, values: one.values.map(() => NaN) }));
  const from = sorted(series);
  for (let point = 0; point < (from[0]?.values.length ?? 0); ++point) {
    from.map((one, i) => [one.values[point], i]).filter(([value]) => !Number.isNaN(value))
      .sort((a, b) => (largest ? b[0] - a[0] : a[0] - b[0]) || a[1] - b[1]).slice(0, n)
      .forEach(([value, i]) => { kept[i].values[point] = value; });
  }
  return kept;
}

function secondStage(stage, series) {
  const limit = stage.k === 'threshold' ? v.float(shown(stage.value)) : null;
  const done = limit ? series.map((one) => ({ ...one, values: one.values.map((value) => (v.compare(stage.op, v.float(value), limit) ? value : NaN)) }))
    : ranked(series, stage.n, stage.k === 'topk');
  return done.filter((one) => one.values.some((value) => !Number.isNaN(value)));
}

const calculate = (op, a, b) => ({ '+': a + b, '-': a - b, '*': a * b, '/': b === 0 ? NaN : a / b }[op]);
const withoutName = (labels) => labels.filter(([name]) => name !== '__name__');
const joinKey = (labels) => JSON.stringify(withoutName(labels).map(([name, value]) => [name, v.keyText(value)]).sort());

function combine(op, left, right) {
  const goesWithAll = (side) => side.length === 1 && withoutName(side[0].labels).length === 0;
  const pair = (labels, a, b) => seriesOf(labels, a.values.map((value, i) => calculate(op, value, b.values[i])));
  if (goesWithAll(right)) return left.map((one) => pair(withoutName(one.labels), one, right[0]));
  if (goesWithAll(left)) return right.map((one) => pair(withoutName(one.labels), left[0], one));
  return left.flatMap((one) => right.filter((other) => joinKey(one.labels) === joinKey(other.labels))
    .map((other) => pair(withoutName(one.labels), one, other)));
}

function seriesFor(m, grid, traces, extrapolate) {
  let series;
  if (m.k === 'query') series = m.f === 'compare' ? compareSides(m, grid, traces) : functionOver(m, grid, traces, extrapolate);
  else if (m.left.k === 'number') {
    series = seriesFor(m.right, grid, traces, extrapolate).map((one) => ({ ...one, values: one.values.map((value) => calculate(m.op, shown(m.left.value), value)) }));
  } else if (m.right.k === 'number') {
    series = seriesFor(m.left, grid, traces, extrapolate).map((one) => ({ ...one, values: one.values.map((value) => calculate(m.op, value, shown(m.right.value))) }));
  } else series = combine(m.op, seriesFor(m.left, grid, traces, extrapolate), seriesFor(m.right, grid, traces, extrapolate));
  return m.second.reduce((result, stage) => secondStage(stage, result), series);
}

export const metrics = (question, traces, epoch) => sorted(seriesFor(question.query, gridOf(question, epoch), traces, question.extrapolate));
