// Query trees as text. Two forms: as a user may write it, with no more parentheses than precedence asks for (and some
// more by chance), blanks and spellings by chance; and as answers name an expression.
import { epochNanos } from './traces.mjs';
import { text } from './values.mjs';

// How tightly an operator binds; all but ^ lean to the left.
const fieldBinding = { '||': 1, '&&': 1, '=': 2, '!=': 2, '<': 2, '<=': 2, '>': 2, '>=': 2, '=~': 2, '!~': 2, '+': 3, '-': 3, '*': 4, '/': 4, '%': 4, '^': 5 };
const unaryBinding = 3.5;  // tighter than + and looser than *: -a * b is -(a * b)

const plainName = /^[^\s{}()=~!<>&|^,"\\]+$/;
export const quoted = (name) => `"${name.replace(/["\\]/g, '\\$&')}"`;
export const namePart = (name) => (plainName.test(name) && !/^\d+$/.test(name) ? name : quoted(name));
const prefixOf = { any: '', span: 'span', resource: 'resource', event: 'event', link: 'link', instrumentation: 'instrumentation' };

function attributeName(e) {
  if (e.intrinsic) return (e.ofParent ? 'parent.' : '') + e.word;
  const scope = [e.ofParent ? 'parent' : '', prefixOf[e.scope]].filter(Boolean).join('.');
  return `${scope}.${namePart(e.name)}`;
}

function literalText(value) {
  if (value.t === 'string') return JSON.stringify(value.v);
  if (value.t === 'int' && value.v === -(2n ** 63n)) return 'minInt';
  const plain = text(value);
  return value.t === 'float' && /^-?\d+$/.test(plain) ? `${plain}.0` : plain;
}

// As an answer names it: fully in parentheses, chains of && and || (that began on the left) in one.
export function fieldText(e) {
  if (e.k === 'literal') return literalText(e.value);
  if (e.k === 'attribute') return attributeName(e);
  if (e.op === 'not') return `!${fieldText(e.a)}`;
  if (e.op === 'negate') return `-${fieldText(e.a)}`;
  const operands = [e.b];
  let at = e.a;
  while ((e.op === '&&' || e.op === '||') && at.op === e.op) { operands.unshift(at.b); at = at.a; }
  return `(${[at, ...operands].map(fieldText).join(` ${e.op} `)})`;
}

export function scalarText(scalar) {
  if (scalar.k === 'literal') return literalText(scalar.value);
  if (scalar.k === 'operation') return `${scalarText(scalar.left)} ${scalar.op} ${scalarText(scalar.right)}`;
  return `${scalar.f}(${scalar.e ? fieldText(scalar.e) : ''})`;
}

export class Renderer {
  constructor(random, epoch = epochNanos) { Object.assign(this, { random, epoch }); }
  chance(share) { return this.random ? this.random.chance(share) : false; }
  pick(list) { return this.random ? this.random.pick(list) : list[0]; }
  blank() { return this.chance(0.03) ? this.pick(['  ', '\t', ' /* no */ ']) : ' '; }
  wrap(inner, needed) { return needed || this.chance(0.05) ? `(${inner})` : inner; }

  stringLiteral(value) {
    if (!value.includes('`') && this.chance(0.2)) return `\`${value}\``;
    return JSON.stringify(value);
  }

  literal(value) {
    if (value.t === 'string') return this.stringLiteral(value.v);
    if (value.t === 'int' && value.v === 2n ** 63n - 1n && this.chance(0.5)) return 'maxInt';
    if (value.t === 'float') {
      const plain = literalText(value);
      if (plain.startsWith('0.') && this.chance(0.2)) return plain.slice(1);
      return plain;
    }
    if (value.t === 'duration') return this.pick([`${value.v}ns`, text(value)]);
    return literalText(value);
  }

  attribute(e) {
    if (e.intrinsic) return (e.ofParent ? 'parent.' : '') + e.word;
    const scope = [e.ofParent ? 'parent' : '', prefixOf[e.scope]].filter(Boolean).join('.');
    let name = namePart(e.name);
    if (this.chance(0.1)) name = quoted(e.name);
    else if (!name.startsWith('"') && e.name.length > 2 && this.chance(0.1)) name = e.name.slice(0, 1) + quoted(e.name.slice(1));
    return `${scope}.${name}`;
  }

  field(e, outer = 0) {
    if (e.k === 'literal') {
      const negative = e.value.t !== 'string' && literalText(e.value).startsWith('-');
      return this.wrap(e.spelled === undefined ? this.literal(e.value) : JSON.stringify(e.spelled), negative && outer > 3);
    }
    if (e.k === 'attribute') return this.wrap(this.attribute(e), false);
    if (e.op === 'not' || e.op === 'negate') {
      const sign = e.op === 'not' ? '!' : '-';
      const inner = this.field(e.a, unaryBinding);
      // A unary operator takes what binds tighter behind it, so it stands in parentheses before such an operator.
      return this.wrap(`${sign}${/^[=~><!-]/.test(inner) ? ' ' : ''}${inner}`, outer > 3 && outer !== unaryBinding);
    }
    const binding = fieldBinding[e.op];
    const left = this.field(e.a, e.op === '^' ? binding + 0.1 : binding);
    const right = this.field(e.b, e.op === '^' ? binding : binding + 0.1);
    return this.wrap(`${left}${this.blank()}${e.op}${this.blank()}${right}`, outer > binding);
  }

  filter(s) {
    if (s.e.k === 'literal' && s.e.value.v === true && this.chance(0.5)) return '{}';
    return `{${this.blank()}${this.field(s.e)}${this.blank()}}`;
  }

  spanset(s, outer = 0) {
    if (s.k === 'filter') return this.wrap(this.filter(s), false);
    if (s.k === 'pipeline') return `(${this.stages(s.stages)})`;
    const binding = s.op === '&&' || s.op === '||' ? 1 : 2;
    return this.wrap(`${this.spanset(s.left, binding)} ${s.op} ${this.spanset(s.right, binding + 1)}`, outer > binding);
  }

  scalar(s, outer = 0) {
    if (s.k === 'literal') return this.literal(s.value);
    if (s.k === 'aggregate') return `${s.f}(${s.e ? this.field(s.e) : ''})`;
    if (s.k === 'pipeline') return `(${[...s.stages.map((stage) => this.stage(stage)), `${s.f}(${s.e ? this.field(s.e) : ''})`].join(' | ')})`;
    const binding = fieldBinding[s.op];
    const inner = `${this.scalar(s.left, binding)} ${s.op} ${this.scalar(s.right, binding + 1)}`;
    return outer > binding ? `(${inner})` : inner;
  }

  stage(stage) {
    switch (stage.k) {
      case 'spanset': return this.spanset(stage.s);
      case 'scalar': return `${this.scalar(stage.left)} ${stage.op} ${this.scalar(stage.right)}`;
      case 'by': return `by(${this.field(stage.e)})`;
      case 'coalesce': return 'coalesce()';
      default: return `select(${stage.attributes.map((one) => this.attribute(one)).join(', ')})`;
    }
  }
  stages(stages) { return stages.map((stage) => this.stage(stage)).join(`${this.blank()}|${this.blank()}`); }

  metrics(m, outer = 0) {
    if (m.k === 'number') return literalText(m.value);
    let inner;
    if (m.k === 'query') inner = `${this.stages(m.stages)} | ${this.metricsFunction(m)}`;
    else {
      const binding = fieldBinding[m.op];
      inner = `${this.metricsOperand(m.left, binding)} ${m.op} ${this.metricsOperand(m.right, binding + 1)}`;
    }
    for (const second of m.second) {
      inner += second.k === 'threshold' ? ` ${second.op} ${this.literal(second.value)}` : ` | ${second.k}(${second.n})`;
    }
    return inner;
  }
  metricsOperand(m, outer) {
    if (m.k === 'number') return this.metrics(m);
    const bare = m.k === 'operation' && m.second.length === 0 && fieldBinding[m.op] >= outer;
    return bare && !this.chance(0.3) ? this.metrics(m) : `(${this.metrics(m)})`;
  }
  metricsFunction(m) {
    const by = m.by.length > 0 ? ` by (${m.by.map((one) => this.attribute(one)).join(', ')})` : '';
    if (m.f === 'compare') return `compare(${[this.filter(m.selection), ...(m.top === undefined ? [] : [m.top]),
      ...(m.during ?? []).map((offset) => this.epoch + BigInt(offset))].join(', ')})`;
    const argumentsOf = [...(m.argument ? [this.attribute(m.argument)] : []), ...(m.quantiles ?? []).map(String)];
    return `${m.f}(${argumentsOf.join(', ')})${by}`;
  }

  question(question) {
    const { query } = question;
    return query.second ? this.metrics(query) : this.stages(query.stages);
  }
}
