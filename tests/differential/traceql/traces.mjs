// Generated traces, and the notation of the query scripts (src/query/traceql/test_traces.h) they are written in.
import * as v from './values.mjs';

export const epochNanos = 1700000040000000000n;  // of the notation's times

const millisecond = 1e6;
const texts = ['a', 'b', 'c', '', 'ab', 'É', '日本', 'a b', 'x"y', 'back\\slash', 'tab\there', '2', '<&>'];
const integers = [-3n, -1n, 0n, 1n, 2n, 3n, 5n];
const edges = [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n), 1n << 40n];
const floats = [0.5, 1.5, 2.5, -1.5, 3, 2, 1e300, 1e-9, 100.25];

export class TraceGenerator {
  constructor(random) { this.random = random; }
  pick(list) { return this.random.pick(list); }
  chance(share) { return this.random.chance(share); }

  int() { return v.int(this.pick(integers)); }
  float() { return v.float(this.pick(floats)); }
  string() { return v.string(this.pick(texts)); }
  bool() { return v.bool(this.chance(0.5)); }
  scalar() { return this.pick([() => this.int(), () => this.float(), () => this.string(), () => this.bool()])(); }
  array() {
    const same = this.pick([() => this.int(), () => this.string(), () => this.scalar()]);
    const values = Array.from({ length: this.random.below(4) }, same);
    return values.length < 2 ? { ...v.list(values), isArray: true } : v.list(values);  // read as nothing, and as the one
  }

  attributes(pool) {
    const found = new Map();
    for (const [name, share, make] of pool) if (this.chance(share)) found.set(name, make());
    return found;
  }

  spanAttributes() {
    return this.attributes([
      ['i', 0.5, () => this.int()], ['f', 0.4, () => this.float()], ['n', 0.5, () => this.scalar()],
      ['s', 0.5, () => this.string()], ['b', 0.4, () => this.bool()], ['l', 0.3, () => this.array()],
      ['m', 0.3, () => (this.chance(0.5) ? this.array() : this.scalar())], ['big', 0.2, () => v.int(this.pick(edges))],
      ['a b', 0.2, () => this.int()], ['x=y', 0.1, () => this.string()], ['ключ', 0.1, () => this.string()],
      ['odd', 0.1, () => v.float(this.pick([NaN, Infinity, -Infinity, 1]))], ['none', 0.1, () => v.nil], ['r', 0.2, () => this.int()],
    ]);
  }
  resourceAttributes() {
    return this.attributes([
      ['r', 0.4, () => this.int()], ['n', 0.3, () => this.scalar()], ['region', 0.6, () => this.pick([v.string('eu'), v.string('us'), v.string('')])],
      ['s', 0.2, () => this.string()], ['l', 0.1, () => this.array()], ['b', 0.2, () => this.bool()],
    ]);
  }
  nested() { return this.attributes([['key', 0.6, () => this.string()], ['n', 0.4, () => this.scalar()], ['i', 0.3, () => this.int()]]); }

  label(number) { return `s${number}`; }

  span(number, count, others) {
    const start = this.chance(0.8) ? this.begin + this.random.below(200) * millisecond : this.begin + this.random.below(2e9);
    const resource = this.pick(this.resources);
    const parentOf = () => {
      if (number === 0 || this.chance(0.06)) return this.chance(0.2) ? 'gone' : '';
      if (this.chance(0.05)) return `gone${this.random.below(2)}`;
      if (this.chance(0.03)) return this.label(this.random.below(count));  // itself, or a circle
      return this.label(this.random.below(number));
    };
    const scope = this.chance(0.3) ? [this.pick(['http', 'db']), this.pick(['1', '2.0', ''])] : ['', ''];
    return {
      label: this.label(number), parentLabel: parentOf(), start,
      duration: this.chance(0.1) ? 0 : this.chance(0.5) ? (1 + this.random.below(20)) * 10 * millisecond : this.random.below(3e9),
      service: resource.service, resource: resource.attributes, name: this.pick(['A', 'B', 'C', 'GET /x', 'É']),
      kind: this.random.below(6), status: this.chance(0.5) ? 0 : this.random.below(3), message: this.chance(0.1) ? this.pick(['boom', 'no "way"']) : '',
      state: this.chance(0.15) ? this.pick(['ot=th:8', 'x=1,ot=rv:abc;th:c', 'ot=th:zz', 'vendor=th:8']) : '', scopeName: scope[0], scopeVersion: scope[1],
      span: this.spanAttributes(), instrumentation: this.attributes([['lang', 0.2, () => this.string()]]),
      events: Array.from({ length: this.chance(0.25) ? 1 + this.random.below(3) : 0 }, () => (
        { name: this.pick(['boom', 'retry', 'é']), offset: this.random.below(50) * millisecond, attributes: this.nested() })),
      links: Array.from({ length: this.chance(0.15) ? 1 + this.random.below(2) : 0 }, () => (
        { trace: this.random.below(40) + 1, label: this.label(this.random.below(5)), attributes: this.nested() })),
      others,
    };
  }

  // Spans of one trace; begin within a minute.
  trace(number) {
    this.begin = this.random.below(60) * 1000 * millisecond;
    this.resources = Array.from({ length: 1 + this.random.below(3) }, () => ({ service: this.pick(['shop', 'pay', 'db', '']), attributes: this.resourceAttributes() }));
    const count = this.chance(0.1) ? 1 : 1 + this.random.below(this.chance(0.1) ? 40 : 11);
    const late = this.chance(0.2);  // some spans come long after the others
    return Array.from({ length: count }, (_, i) => {
      const span = this.span(i, count);
      if (late && this.chance(0.3)) span.start += 15e9;
      return this.identified(span, number);
    });
  }

  identified(span, number) {
    const hex = (label) => (label === '' ? '' : Buffer.from(label).toString('hex').padStart(16, '0'));
    return {
      ...span, traceNumber: number, id: hex(span.label), parent: hex(span.parentLabel),
      links: span.links.map((link) => ({ ...link, span: hex(link.label), trace: traceId(link.trace) })),
    };
  }
}

export const traceId = (number) => number.toString(16).padStart(32, '0');

// --- the notation -------------------------------------------------------------------------------------------------

function quotedText(text) {
  return `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\t/g, '\\t')}"`;
}

function valueText(value) {
  if (value.isArray) return value.t === 'nil' ? '[]' : `[${valueText({ ...value, isArray: false })}]`;
  switch (value.t) {
    case 'nil': return 'null';
    case 'string': return quotedText(value.v);
    case 'list': return `[${value.v.map(valueText).join(',')}]`;
    case 'float': return !Number.isFinite(value.v) || /[.e]/.test(v.floatText(value.v)) ? v.floatText(value.v) : `${v.floatText(value.v)}.0`;
    default: return String(value.v);
  }
}
const nameText = (name) => (/^[^\s"=]+$/.test(name) ? name : quotedText(name));

function spanLine(span) {
  const words = [span.label, span.service || '-', quotedText(span.name), `${span.start}ns`, `${span.duration}ns`,
    v.kindNames[span.kind], v.statusNames[span.status]];
  if (span.parentLabel) words.push(`parent=${span.parentLabel}`);
  if (span.message) words.push(`message=${quotedText(span.message)}`);
  if (span.state) words.push(`tracestate=${quotedText(span.state)}`);
  if (span.scopeName) words.push(`scope=${span.scopeName}@${span.scopeVersion}`);
  for (const scope of ['span', 'resource', 'instrumentation'])
    for (const [name, value] of span[scope]) words.push(`${scope}.${nameText(name)}=${valueText(value)}`);
  for (const event of span.events) {
    words.push(`event:${event.name}@${event.offset}ns`);
    for (const [name, value] of event.attributes) words.push(`event.${nameText(name)}=${valueText(value)}`);
  }
  for (const link of span.links) {
    words.push(`link:${link.trace}/${link.label}`);
    for (const [name, value] of link.attributes) words.push(`link.${nameText(name)}=${valueText(value)}`);
  }
  return words.join(' ');
}

// A load command. Each span with its trace in front, so that any may follow any.
export function loadText(spans) {
  const lines = ['load'];
  let trace = null;
  for (const span of spans) {
    if (span.traceNumber !== trace) lines.push(`  trace ${traceId(span.traceNumber)}`);
    trace = span.traceNumber;
    lines.push(`    ${spanLine(span)}`);
  }
  return lines.join('\n') + '\n';
}
