// Evaluates the trees that queries.mjs makes, span by span and pair by pair.
import { read } from './trace.mjs';
import * as v from './values.mjs';
import { fieldText, scalarText } from './render.mjs';

// --- expressions on one span --------------------------------------------------------------------------------------

export function evaluate(e, span, trace) {
  if (e.k === 'literal') return e.value;
  if (e.k === 'attribute') return read(e, span, trace);
  const a = evaluate(e.a, span, trace);
  if (e.op === 'not') return v.bool(a.t === 'bool' && !a.v);
  if (e.op === 'negate') return v.arithmetic('*', v.int(-1), a);
  if (e.op === '&&') return v.bool(v.isTrue(a) && v.isTrue(evaluate(e.b, span, trace)));
  if (e.op === '||') return v.bool(v.isTrue(a) || v.isTrue(evaluate(e.b, span, trace)));
  const b = evaluate(e.b, span, trace);
  if (e.op === '=~' || e.op === '!~') return v.bool(v.matches(e.op, a, b));
  if ('+-*/%^'.includes(e.op)) return v.arithmetic(e.op, a, b);
  const isNilTest = [e.a, e.b].some((side) => side.k === 'literal' && side.value.t === 'nil');
  if (isNilTest) return v.bool((a.t === 'nil' && b.t === 'nil') === (e.op === '='));
  return v.bool(v.compare(e.op, a, b));
}

// --- spansets -----------------------------------------------------------------------------------------------------

// Whether `right` stands to `left` as `left op right` asks.
export function related(op, left, right, trace) {
  switch (op) {
    case '>': return trace.parent(right) === left;
    case '<': return trace.parent(left) === right;
    case '>>': return trace.isAbove(left, right);
    case '<<': return trace.isAbove(right, left);
    default: return trace.areSiblings(left, right);
  }
}

const union = (trace, ...sets) => trace.spans.filter((span) => sets.some((set) => set.includes(span)));

function spansOf(s, input, trace) {
  if (s.k === 'filter') return input.filter((span) => v.isTrue(evaluate(s.e, span, trace)));
  if (s.k === 'pipeline') return union(trace, ...runPipeline(s.stages, [{ spans: input, attributes: [] }], trace).map((set) => set.spans));
  const left = spansOf(s.left, input, trace);
  const right = spansOf(s.right, input, trace);
  if (s.op === '||') return union(trace, left, right);
  if (s.op === '&&') return left.length && right.length ? union(trace, left, right) : [];
  const plain = s.op.replace(/^[!&]/, '');
  if (s.op[0] === '!') return right.filter((r) => !left.some((l) => related(plain, l, r, trace)));
  const rights = right.filter((r) => left.some((l) => related(plain, l, r, trace)));
  if (s.op[0] !== '&') return rights;
  return union(trace, rights, left.filter((l) => right.some((r) => related(plain, l, r, trace))));
}

function aggregate(scalar, spans, trace) {
  if (scalar.f === 'count') return v.int(spans.length);
  const values = spans.flatMap((span) => v.elements(evaluate(scalar.e, span, trace))).filter(v.isNumber);
  if (values.length === 0) return v.nil;
  const ordered = values.filter((value) => !Number.isNaN(v.asNumber(value)));
  if (scalar.f === 'min' || scalar.f === 'max') {
    if (ordered.length === 0) return values[0];
    return ordered.reduce((a, b) => ((scalar.f === 'min' ? v.order(b, a) < 0 : v.order(b, a) > 0) ? b : a));
  }
  let sum = values.reduce((a, b) => a + v.asNumber(b), 0);
  if (scalar.f === 'avg') sum /= values.length;
  return values.every((value) => value.t === 'duration') ? v.duration(Math.trunc(sum)) : v.float(sum);
}

// `met`: {attributes, spans} that evaluating passes.
function scalarOf(scalar, set, trace, met) {
  switch (scalar.k) {
    case 'literal': return scalar.value;
    case 'operation': {
      const left = scalarOf(scalar.left, set, trace, met);
      return v.arithmetic(scalar.op, left, scalarOf(scalar.right, set, trace, met));
    }
    case 'aggregate': {
      const value = aggregate(scalar, set.spans, trace);
      met.attributes.push([scalarText(scalar), value]);
      return value;
    }
    default: {
      const spans = union(trace, ...runPipeline(scalar.stages, [{ spans: set.spans, attributes: [] }], trace).map((one) => one.spans));
      met.spans = union(trace, met.spans, spans);
      return aggregate(scalar, spans, trace);
    }
  }
}

function filteredByScalars(stage, set, trace) {
  const met = { attributes: [], spans: [] };
  const left = scalarOf(stage.left, set, trace, met);
  const right = scalarOf(stage.right, set, trace, met);
  if (!v.compare(stage.op, left, right)) return [];
  const spans = met.attributes.length === 0 ? met.spans : set.spans;
  return spans.length === 0 ? [] : [{ spans, attributes: [...set.attributes, ...met.attributes] }];
}

function grouped(stage, set, trace) {
  const groups = new Map();
  for (const span of set.spans) {
    const value = evaluate(stage.e, span, trace);
    const key = v.keyText(value);
    if (!groups.has(key)) groups.set(key, { value: v.asKey(value), spans: [] });
    groups.get(key).spans.push(span);
  }
  return [...groups.values()].sort((a, b) => v.keyOrder(a.value, b.value))
    .map(({ value, spans }) => ({ spans, attributes: [...set.attributes, [`by(${fieldText(stage.e)})`, value]] }));
}

export function runPipeline(stages, sets, trace) {
  sets = sets.filter((set) => set.spans.length > 0);
  for (const stage of stages) {
    if (sets.length === 0) return [];
    if (stage.k === 'by') sets = sets.flatMap((set) => grouped(stage, set, trace));
    else if (stage.k === 'coalesce') sets = [{ spans: union(trace, ...sets.map((set) => set.spans)), attributes: [] }];
    else if (stage.k === 'scalar') sets = sets.flatMap((set) => filteredByScalars(stage, set, trace));
    else if (stage.k === 'spanset' && stage.s.k === 'pipeline') sets = runPipeline(stage.s.stages, sets, trace);  // just those stages
    else if (stage.k === 'spanset') {
      sets = sets.map((set) => ({ spans: spansOf(stage.s, set.spans, trace), attributes: set.attributes }))
        .filter((set) => set.spans.length > 0);
    }
  }
  return sets;
}

// --- searches -----------------------------------------------------------------------------------------------------

export const inRange = (span, range) => !range || (span.start >= range[0] && span.start < range[1]);

// [{trace, sets}] in the order of the answer.
export function search(question, traces) {
  const found = [];
  for (const trace of traces) {
    const input = trace.spans.filter((span) => inRange(span, question.range));
    const sets = runPipeline(question.query.stages, [{ spans: input, attributes: [] }], trace);
    if (sets.length > 0) found.push({ trace, sets });
  }
  const recent = (a, b) => b.trace.start - a.trace.start || (a.trace.id < b.trace.id ? -1 : 1);
  found.sort(question.slowest ? (a, b) => b.trace.duration - a.trace.duration || recent(a, b) : recent);
  return found.slice(0, question.limit ?? 20);
}
