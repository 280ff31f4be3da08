// What the naive evaluator expects of a question, as the lines that a query script gives for it.
import { search } from './evaluate.mjs';
import { metrics } from './metrics.mjs';
import { Renderer } from './render.mjs';
import { attributeOf, read } from './trace.mjs';
import { epochNanos } from './traces.mjs';
import * as v from './values.mjs';

const namesOf = (spans) => spans.map((span) => span.label);
const pairs = (attributes) => attributes.map(([name, value]) => ` ${name}=${v.text(value)}`).join('');
const traceName = (id) => id.replace(/^0+/, '');

function searchLines(question, traces) {
  return search(question, traces).flatMap(({ trace, sets }) =>
    sets.map((set) => `${traceName(trace.id)}: ${namesOf(set.spans).join(' ')}${pairs(set.attributes)}`));
}

const metricsLines = (question, traces, epoch) => metrics(question, traces, epoch).map(({ labels, values }) =>
  `{${labels.map(([name, value]) => `${name}=${v.text(value)}`).join(', ')}}${values.map((value) => ` ${v.sixDigits(value)}`).join('')}`);

// Every attribute that a query names, once, in the order in which it names them.
export function attributesNamed(stages) {
  const found = [];
  const add = (e) => {
    const same = (other) => e.ofParent === other.ofParent && (e.intrinsic ? e.intrinsic === other.intrinsic : !other.intrinsic && e.scope === other.scope && e.name === other.name);
    if (!found.some(same)) found.push(e);
  };
  const field = (e) => { if (e.k === 'attribute') add(e); else for (const one of [e.a, e.b]) if (one) field(one); };
  const spanset = (s) => { if (s.k === 'filter') field(s.e); else if (s.k === 'pipeline') s.stages.forEach(stage); else { spanset(s.left); spanset(s.right); } };
  const scalar = (s) => {
    if (s.k === 'operation') { scalar(s.left); scalar(s.right); return; }
    if (s.k === 'pipeline') s.stages.forEach(stage);
    if (s.e) field(s.e);
  };
  function stage(one) {
    if (one.k === 'spanset') spanset(one.s);
    else if (one.k === 'scalar') { scalar(one.left); scalar(one.right); }
    else if (one.k === 'by') field(one.e);
    else if (one.k === 'select') one.attributes.forEach(add);
  }
  stages.forEach(stage);
  return found;
}

const shownElsewhere = ['name', 'duration', 'span:id', 'trace:id', 'traceDuration', 'rootName', 'rootServiceName'];

// All that an answer says of the most recent trace, with the first span of each spanset.
function detailLines(question, traces) {
  const named = attributesNamed(question.query.stages).filter((e) => e.ofParent || !shownElsewhere.includes(e.intrinsic));
  const nameOf = (e) => (e.ofParent ? `parent.${e.word ?? e.name}` : e.intrinsic ?? e.name);
  return search({ ...question, limit: 1 }, traces).flatMap(({ trace, sets }) => {
    const services = new Map();
    for (const span of trace.spans) services.set(span.service, [...(services.get(span.service) ?? []), span]);
    const root = trace.root && attributeOf(trace.root, 'resource', 'service.name');
    return [
      `trace ${traceName(trace.id)} service=${root ? root.v ?? '' : trace.rootService()} name=${trace.rootName()} start=${v.durationText(BigInt(trace.start))} duration=${v.durationText(BigInt(trace.duration))}`,
      ...[...services].sort(([a], [b]) => (a < b ? -1 : 1)).map(([service, spans]) =>
        `service ${service} spans=${spans.length} errors=${spans.filter((span) => span.status === 2).length}`),
      ...sets.flatMap((set) => [`spanset matched=${set.spans.length}`, ...set.spans.slice(0, 1).map((span) =>
        `span ${span.label} name=${span.name} start=${v.durationText(BigInt(span.start))} duration=${v.durationText(BigInt(span.duration))}` +
        pairs(named.map((e) => [nameOf(e), read(e, span, trace)]).filter(([, value]) => value.t !== 'nil')))]),
    ];
  });
}

export function expectedLines(question, traces, epoch = epochNanos) {
  const lines = { search: searchLines, metrics: metricsLines, show: detailLines }[question.kind](question, traces, epoch);
  return lines.length > 0 || question.kind === 'show' ? lines : ['none'];
}

// The command of a script that asks the question; `random` varies how its query is written.
export function commandOf(question, random) {
  const query = question.text ?? new Renderer(random).question(question) + (question.hints ?? '');
  const from = question.range ? `from ${question.range[0]}ns to ${question.range[1]}ns ` : '';
  if (question.kind === 'show') return `show ${query}`;
  if (question.kind === 'metrics') return `metrics ${from}${question.step ? `step ${question.step}ns` : 'instant'} ${query}`;
  return `search ${from}${question.limit ? `limit ${question.limit} ` : ''}${question.slowest ? 'slowest ' : ''}${query}`;
}
