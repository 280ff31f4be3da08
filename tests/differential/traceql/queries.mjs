// Random queries as trees, sound by the rules of the language. What generated traces hold is asked for most often.
import { traceId } from './traces.mjs';
import * as v from './values.mjs';

const intrinsics = {
  time: [['duration', 'duration'], ['duration', 'span:duration'], ['traceDuration', 'traceDuration'], ['traceDuration', 'trace:duration'],
    ['span:selfTime', 'span:selfTime'], ['event:timeSinceStart', 'event:timeSinceStart']],
  whole: [['span:childCount', 'span:childCount'], ['nestedSetLeft', 'nestedSetLeft'],
    ['nestedSetRight', 'nestedSetRight'], ['nestedSetParent', 'nestedSetParent']],
  text: [['name', 'name'], ['name', 'span:name'], ['statusMessage', 'statusMessage'], ['statusMessage', 'span:statusMessage'], ['rootName', 'rootName'],
    ['rootName', 'trace:rootName'], ['rootServiceName', 'rootServiceName'], ['rootServiceName', 'trace:rootService'],
    ['event:name', 'event:name'], ['instrumentation:name', 'instrumentation:name'], ['instrumentation:version', 'instrumentation:version']],
};
const textsOf = {
  name: ['A', 'B', 'C', 'GET /x', 'É', 'none'], rootName: ['A', 'B', '', 'É'], rootServiceName: ['shop', 'pay', '', '<root span not yet received>'],
  statusMessage: ['boom', 'no "way"', ''], 'event:name': ['boom', 'retry', 'é'], 'instrumentation:name': ['http', 'db', ''], 'instrumentation:version': ['1', '2.0', ''],
};
const attributeTexts = ['a', 'b', '', 'ab', 'É', '日本', 'a b', 'x"y', 'back\\slash', 'eu', 'us', 'shop', 'pay', '2', 'zz'];
const patterns = ['a|b', '.*', '', 'a.*', '[a-c]+', '.', '(A|B)', 'É', '.+b', 'x"y', 'GET .*', 'shop|db', 'nothing', '日.', '(?i)a'];
const numbers = [['span', 'i'], ['span', 'f'], ['any', 'n'], ['span', 'n'], ['resource', 'n'], ['any', 'r'], ['resource', 'r'], ['span', 'r'],
  ['span', 'big'], ['span', 'a b'], ['event', 'n'], ['event', 'i'], ['link', 'n'], ['span', 'm'], ['any', 'i'], ['span', 'l']];
const texts = [['span', 's'], ['any', 's'], ['resource', 's'], ['resource', 'region'], ['any', 'region'], ['resource', 'service.name'],
  ['any', 'service.name'], ['span', 'x=y'], ['span', 'ключ'], ['instrumentation', 'lang'], ['event', 'key'], ['link', 'key'], ['span', 'l'], ['any', 'l'], ['any', 'n'], ['span', 'm']];
const odd = ['span', 'odd'];
const flags = [['span', 'b'], ['any', 'b'], ['resource', 'b'], ['any', 'n']];
const others = [['span', 'none'], ['any', 'nobody'], ['event', 'nobody'], ['span', 'm'], ['any', 'l'], ['resource', 'l']];

const attribute = ([scope, name], ofParent = false) => ({ k: 'attribute', scope, name, ofParent });
const intrinsic = ([name, word], ofParent = false) => ({ k: 'attribute', intrinsic: name, word, ofParent });
const literal = (value) => ({ k: 'literal', value });
const binary = (op, a, b) => ({ k: 'binary', op, a, b });
const second = 1e9;

export class QueryGenerator {
  constructor(random) { this.random = random; }
  pick(list) { return this.random.pick(list); }
  chance(share) { return this.random.chance(share); }
  below(count) { return this.random.below(count); }

  ofParent(e) {
    // parent.event.x and parent."x" with an intrinsic's name do not exist or mean something else.
    const possible = e.intrinsic ? !e.word.includes(':') && e.intrinsic !== 'parent' : ['any', 'span', 'resource'].includes(e.scope);
    return possible && this.chance(0.12) ? { ...e, ofParent: true } : e;
  }
  attribute(pool) { return this.ofParent(attribute(this.pick(pool))); }
  intrinsic(pool) { return this.ofParent(intrinsic(this.pick(pool))); }

  // --- numbers
  numberLiteral() {
    return literal(this.pick([() => v.int(this.below(7) - 2), () => v.float(this.pick([0.5, 1.5, 2, 2.5, -1.5, 1e300])),
      () => v.duration(BigInt(this.pick([1, 10, 50, 100, 1000, 1500])) * 1000000n), () => v.int(this.pick([2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)])),
      () => v.int(this.below(4))])());
  }
  timeLiteral() { return literal(v.duration(BigInt(this.pick([0, 1, 20, 50, 100, 150, 200, 500, 1000, 2000, 3000])) * 1000000n)); }
  number(depth) {
    if (depth > 0 && this.chance(0.35)) {
      const op = this.pick(['+', '-', '*', '/', '%', '+', '-', '*', '/', '^']);
      if (op === '^') return binary(op, this.number(0), literal(v.int(this.below(4))));
      return binary(op, this.number(depth - 1), this.number(depth - 1));
    }
    if (depth > 0 && this.chance(0.08)) return { k: 'unary', op: 'negate', a: this.number(depth - 1) };
    return this.pick([() => this.attribute(numbers), () => this.attribute(numbers), () => this.intrinsic(intrinsics.time), () => this.intrinsic(intrinsics.whole), () => this.numberLiteral()])();
  }
  comparison() { return this.pick(['=', '!=', '<', '<=', '>', '>=']); }
  flipped(op, a, b) { return this.chance(0.12) ? binary({ '<': '>', '>': '<', '<=': '>=', '>=': '<=' }[op] ?? op, b, a) : binary(op, a, b); }

  numeric(depth) {
    return this.pick([
      () => this.flipped(this.comparison(), this.attribute(numbers), this.numberLiteral()),
      () => this.flipped(this.comparison(), this.attribute(numbers), this.numberLiteral()),
      () => this.flipped(this.comparison(), this.intrinsic(intrinsics.time), this.timeLiteral()),
      () => this.flipped(this.comparison(), this.intrinsic(intrinsics.whole), literal(v.int(this.below(8) - 1))),
      () => binary(this.comparison(), this.number(depth), this.number(depth)),
    ])();
  }

  // --- texts
  textual() {
    const own = this.chance(0.5);
    const e = own ? this.intrinsic(intrinsics.text) : this.attribute(texts);
    const value = literal(v.string(this.pick(own ? textsOf[e.intrinsic] : attributeTexts)));
    if (this.chance(0.25)) return binary(this.pick(['=~', '!~']), e, literal(v.string(this.pick(patterns))));
    return this.flipped(this.chance(0.7) ? this.pick(['=', '!=']) : this.comparison(), e, value);
  }
  identity() {
    const id = (number) => number.toString(16);
    const spanId = Buffer.from(`s${this.below(6)}`).toString('hex').padStart(16, '0');
    const [name, value] = this.pick([['trace:id', traceId(1 + this.below(30))], ['span:id', spanId], ['span:parentID', this.chance(0.2) ? '' : spanId],
      ['link:spanID', spanId], ['link:traceID', traceId(1 + this.below(30))], ['trace:id', id(1 + this.below(30))],
      ['trace:id', traceId(1 + this.below(30)).toUpperCase()]]);
    return binary(this.pick(['=', '=', '!=']), intrinsic([name, name]), { ...literal(v.string(value === '' ? '' : value.toLowerCase().padStart(name.endsWith('race:id') || name.endsWith('traceID') ? 32 : 16, '0'))), spelled: value });
  }

  condition(depth) {
    if (depth > 0 && this.chance(0.45)) {
      if (this.chance(0.2)) return { k: 'unary', op: 'not', a: this.condition(depth - 1) };
      return binary(this.pick(['&&', '&&', '||']), this.condition(depth - 1), this.condition(depth - 1));
    }
    const choice = this.below(20);
    if (choice < 6) return this.numeric(Math.min(depth, 2));
    if (choice < 11) return this.textual();
    if (choice < 12) return binary(this.pick(['=', '!=']), this.ofParent(intrinsic(['status', this.pick(['status', 'span:status'])])), literal(v.status(this.below(3))));
    if (choice < 13) return binary(this.pick(['=', '!=']), this.ofParent(intrinsic(['kind', this.pick(['kind', 'span:kind'])])), literal(v.kind(this.below(6))));
    if (choice < 14) return this.chance(0.5) ? this.attribute(flags) : { k: 'unary', op: 'not', a: this.attribute(flags) };
    if (choice < 15) return binary(this.pick(['=', '!=']), this.attribute(flags), literal(v.bool(this.chance(0.5))));
    if (choice < 17) return this.nilTest();
    if (choice < 18) return binary(this.comparison(), this.attribute([...numbers, ...texts]), this.attribute([...numbers, ...texts, ...flags]));
    if (choice < 19) return this.pick([() => this.identity(), () => intrinsic(['span:onCriticalPath', 'span:onCriticalPath']),
      () => this.flipped(this.comparison(), attribute(odd), this.numberLiteral()), () => binary(this.comparison(), attribute(odd), attribute(odd)),
      () => binary('=', this.attribute(numbers), literal(this.pick([v.status(2), v.kind(1), v.string('2')])))])();
    return literal(v.bool(this.chance(0.8)));
  }
  nilTest() {
    const pool = [...numbers, ...texts, ...flags, ...others].filter(([scope, name]) => !(scope === 'resource' && name === 'service.name'));
    const e = this.chance(0.1) ? intrinsic(['parent', 'parent']) : this.attribute(pool);
    return binary(this.pick(['=', '!=']), ...(this.chance(0.1) ? [literal(v.nil), e] : [e, literal(v.nil)]));
  }

  // --- spansets and pipelines
  filter(depth = 2) { return { k: 'filter', e: this.condition(depth) }; }
  spanset(depth) {
    if (depth > 0 && this.chance(0.55)) {
      const op = this.pick(['&&', '||', '>', '>>', '<', '<<', '~', '!>', '!>>', '!<', '!<<', '!~', '&>', '&>>', '&<', '&<<', '&~']);
      return { k: 'operation', op, left: this.spanset(depth - 1), right: this.spanset(depth - 1) };
    }
    if (depth > 1 && this.chance(0.08)) return { k: 'pipeline', stages: this.stages(1) };
    return this.filter(depth > 1 ? 1 : 2);
  }
  argument() {
    return this.pick([() => intrinsic(['duration', 'duration']), () => this.attribute(numbers), () => this.number(1), () => this.intrinsic(intrinsics.time)])();
  }
  // Must refer to the span, which a literal does not.
  refersToSpan(e) { return e.k === 'attribute' || (e.a && this.refersToSpan(e.a)) || (e.b && this.refersToSpan(e.b)); }
  spanArgument() {
    for (;;) {
      const e = this.argument();
      if (this.refersToSpan(e)) return e;
    }
  }
  aggregate() {
    const f = this.pick(['count', 'count', 'min', 'max', 'avg', 'sum']);
    return f === 'count' ? { k: 'aggregate', f } : { k: 'aggregate', f, e: this.spanArgument() };
  }
  scalarStage() {
    const aggregate = this.aggregate();
    const time = aggregate.e?.intrinsic === 'duration';
    const small = time ? this.timeLiteral() : literal(v.int(this.below(5)));
    const value = { k: 'literal', value: small.value };
    const plus = (a, b) => ({ k: 'operation', op: this.pick(['+', '-', '*', '/', '%']), left: a, right: b });
    const op = this.comparison();
    return this.pick([
      () => ({ k: 'scalar', left: aggregate, op, right: value }), () => ({ k: 'scalar', left: aggregate, op, right: value }),
      () => ({ k: 'scalar', left: value, op, right: aggregate }),
      () => ({ k: 'scalar', left: aggregate, op, right: this.aggregate() }),
      () => ({ k: 'scalar', left: plus(aggregate, this.aggregate()), op, right: value }),
    ])();
  }
  group() {
    return this.pick([() => this.attribute(texts), () => this.attribute([...numbers, ...flags, odd]), () => this.intrinsic(intrinsics.text), () => intrinsic(['status', 'status']),
      () => intrinsic(['kind', 'kind']), () => binary('>', intrinsic(['duration', 'duration']), this.timeLiteral()), () => binary('+', this.attribute(numbers), literal(v.int(1))),
      () => intrinsic(['span:childCount', 'span:childCount'])])();
  }
  stage(depth) {
    return this.pick([() => ({ k: 'spanset', s: this.spanset(depth) }), () => this.scalarStage(), () => this.scalarStage(), () => ({ k: 'by', e: this.group() }),
      () => ({ k: 'coalesce' }), () => ({ k: 'select', attributes: [this.attribute([...texts, ...numbers]), this.intrinsic(intrinsics.whole)] })])();
  }
  stages(depth) {
    const first = this.chance(0.06) ? this.pick([() => ({ k: 'by', e: this.group() }), () => this.scalarStage()])() : { k: 'spanset', s: this.spanset(depth) };
    const more = this.chance(0.4) ? 1 + this.below(3) : 0;
    return [first, ...Array.from({ length: more }, () => this.stage(Math.min(depth, 1)))];
  }
  scalarPipelines() {
    const one = () => ({ k: 'pipeline', stages: this.stages(1), ...this.pick([{ f: 'count' }, { f: 'max', e: intrinsic(['duration', 'duration']) }, { f: 'sum', e: this.attribute(numbers) }]) });
    const side = () => (this.chance(0.2) ? { k: 'operation', op: this.pick(['+', '-', '*']), left: one(), right: one() } : one());
    return { stages: [{ k: 'scalar', left: side(), op: this.comparison(), right: this.chance(0.5) ? side() : { k: 'literal', value: v.int(this.below(5)) } }] };
  }

  range() {
    if (this.chance(0.6)) return undefined;
    const from = this.below(70) * second - (this.chance(0.3) ? this.below(second) : 0);
    return [Math.max(0, from), Math.max(0, from) + 1 + this.below(40) * second + this.below(second)];
  }

  search() {
    const query = this.chance(0.05) ? this.scalarPipelines() : { stages: this.stages(this.chance(0.3) ? 3 : 2) };
    const limit = this.chance(0.25) ? 1 + this.below(6) : 100;
    return { kind: 'search', query, range: this.range(), limit, slowest: this.chance(0.2) };
  }

  // --- metrics
  metricsAttribute() { return this.pick([() => this.attribute(texts), () => this.attribute([...numbers, ...flags, ...others, odd]), () => this.intrinsic(intrinsics.text), () => intrinsic(['status', 'status']), () => intrinsic(['kind', 'kind'])])(); }
  metricsFunction(depth) {
    const f = this.pick(['rate', 'rate', 'count_over_time', 'count_over_time', 'min_over_time', 'max_over_time', 'avg_over_time', 'sum_over_time', 'quantile_over_time', 'histogram_over_time']);
    const m = { k: 'query', stages: this.chance(0.5) ? [{ k: 'spanset', s: this.filter(1) }] : this.stages(depth), f, by: [], second: [] };
    if (this.chance(0.5)) m.by = Array.from({ length: 1 + this.below(2) }, () => this.metricsAttribute());
    if (f.endsWith('_over_time') && f !== 'count_over_time')
      m.argument = this.chance(0.5) ? intrinsic(['duration', 'duration']) : this.pick([() => this.attribute(numbers), () => this.intrinsic(intrinsics.time), () => this.intrinsic(intrinsics.whole)])();
    if (f === 'quantile_over_time') m.quantiles = [...new Set(Array.from({ length: 1 + this.below(3) }, () => this.pick([0, 0.1, 0.5, 0.9, 0.99, 1])))];
    return m;
  }
  compareFunction() {
    const stages = this.chance(0.6) ? [{ k: 'spanset', s: this.filter(1) }] : this.stages(1);
    const m = { k: 'query', stages, f: 'compare', by: [], second: [], selection: this.filter(1), top: this.chance(0.6) ? 1 + this.below(5) : undefined };
    const from = this.below(40) * second;
    return m.top && this.chance(0.4) ? { ...m, during: [from, from + 1 + this.below(30) * second] } : m;
  }
  secondStage(m) {
    return this.pick([() => ({ k: 'topk', n: 1 + this.below(3) }), () => ({ k: 'bottomk', n: 1 + this.below(3) }),
      () => ({ k: 'threshold', op: this.comparison(), value: this.pick([v.int(this.below(4)), v.float(0.5), v.duration(100000000n)]) })])();
  }
  withSecond(m) {
    const count = this.chance(0.3) ? 1 + this.below(2) : 0;
    for (let i = 0; i < count; ++i) {
      const stage = this.secondStage();
      if (stage.k === 'threshold' && m.second.at(-1)?.k === 'threshold') continue;  // a > 1 > 2 is none
      m.second.push(stage);
    }
    return m;
  }
  metricsTree(depth) {
    if (depth > 0 && this.chance(0.3)) {
      const op = this.pick(['+', '-', '*', '/']);
      const number = () => ({ k: 'number', value: this.pick([v.int(2), v.int(0), v.float(1.5), v.int(100)]) });
      const [left, right] = this.pick([() => [this.metricsTree(depth - 1), this.metricsTree(depth - 1)], () => [this.metricsTree(depth - 1), number()], () => [number(), this.metricsTree(depth - 1)]])();
      return this.withSecond({ k: 'operation', op, left, right, second: [] });
    }
    return this.withSecond(this.metricsFunction(1));
  }
  metrics() {
    const from = this.below(40) * second + (this.chance(0.2) ? this.below(second) : 0);
    const step = this.chance(0.2) ? 0 : this.pick([5, 7, 10, 20, 60]) * second;
    const range = [from, from + 1 + this.below(60) * second + (this.chance(0.3) ? this.below(second) : 0)];
    return { kind: 'metrics', query: this.chance(0.12) ? this.compareFunction() : this.metricsTree(2), range, step };
  }

  // Hints that change no answer: results are exact, and unknown hints are ignored.
  hints() { return this.chance(0.05) ? this.pick([' with(most_recent=true)', ' with(sample=0.1, exemplars=false)', ' with (exemplars=5)', ' with(nobody_knows="x", job_size=3)']) : ''; }

  question() {
    const question = this.anyQuestion();
    const extrapolate = question.kind === 'metrics' && question.query.f !== 'compare' && this.chance(0.08);
    return { ...question, extrapolate, hints: extrapolate ? ' with(extrapolate=true)' : this.hints() };
  }
  anyQuestion() { return this.chance(0.65) ? this.search() : this.metrics(); }
}
