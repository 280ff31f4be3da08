// Makes a question, and the traces it is asked of, smaller while they still disagree.
const logical = (op) => op === '&&' || op === '||';

function* smallerField(e) {
  if (e.k === 'unary') {
    yield e.a;
    for (const a of smallerField(e.a)) yield { ...e, a };
  }
  if (e.k !== 'binary') return;
  if (logical(e.op) || '+-*/%^'.includes(e.op)) { yield e.a; yield e.b; }
  for (const a of smallerField(e.a)) yield { ...e, a };
  for (const b of smallerField(e.b)) yield { ...e, b };
}

const everything = { k: 'filter', e: { k: 'literal', value: { t: 'bool', v: true } } };

function* smallerSpanset(s) {
  if (s.k === 'filter') {
    if (s.e.k !== 'literal') yield everything;
    for (const e of smallerField(s.e)) yield { ...s, e };
  } else if (s.k === 'pipeline') {
    for (const stages of smallerStages(s.stages)) yield { ...s, stages };
    for (const stage of s.stages) if (stage.k === 'spanset') yield stage.s;
  } else {
    yield s.left;
    yield s.right;
    for (const left of smallerSpanset(s.left)) yield { ...s, left };
    for (const right of smallerSpanset(s.right)) yield { ...s, right };
  }
}

function* smallerScalar(s) {
  if (s.k === 'operation') {
    yield s.left;
    yield s.right;
    for (const left of smallerScalar(s.left)) yield { ...s, left };
    for (const right of smallerScalar(s.right)) yield { ...s, right };
  }
  if (s.k === 'pipeline') for (const stages of smallerStages(s.stages)) yield { ...s, stages };
  if (s.e) for (const e of smallerField(s.e)) yield { ...s, e };
}

function* smallerStages(stages) {
  for (let i = 0; i < stages.length; ++i) {
    if (stages.length > 1) yield stages.filter((_, at) => at !== i);
    const replaced = (stage) => stages.map((one, at) => (at === i ? stage : one));
    const stage = stages[i];
    if (stage.k === 'spanset') for (const s of smallerSpanset(stage.s)) yield replaced({ ...stage, s });
    if (stage.k === 'by') for (const e of smallerField(stage.e)) yield replaced({ ...stage, e });
    if (stage.k === 'scalar') {
      for (const left of smallerScalar(stage.left)) yield replaced({ ...stage, left });
      for (const right of smallerScalar(stage.right)) yield replaced({ ...stage, right });
    }
  }
}

function* smallerMetrics(m) {
  if (m.k === 'number') return;
  for (let i = 0; i < m.second.length; ++i) yield { ...m, second: m.second.filter((_, at) => at !== i) };
  if (m.k === 'operation') {
    for (const side of [m.left, m.right]) if (side.k !== 'number') yield side;
    for (const left of smallerMetrics(m.left)) yield { ...m, left };
    for (const right of smallerMetrics(m.right)) yield { ...m, right };
    return;
  }
  for (let i = 0; i < m.by.length; ++i) yield { ...m, by: m.by.filter((_, at) => at !== i) };
  for (const stages of smallerStages(m.stages)) yield { ...m, stages };
  if (m.selection) for (const selection of smallerSpanset(m.selection)) yield { ...m, selection };
}

export function* smallerQuestions(question) {
  if (question.hints) yield { ...question, hints: '', extrapolate: false };
  if (question.slowest) yield { ...question, slowest: false };
  if (question.kind !== 'metrics' && question.range) yield { ...question, range: undefined };
  if (question.kind === 'search' && question.limit !== 100) yield { ...question, limit: 100 };
  if (question.kind === 'metrics') for (const query of smallerMetrics(question.query)) yield { ...question, query };
  else for (const stages of smallerStages(question.query.stages)) yield { ...question, query: { stages } };
}

export function* smallerLoads(loads) {
  if (loads.length > 1) yield [loads.flat()];
  const all = loads.flatMap((spans, load) => spans.map((span) => ({ span, load })));
  const kept = (test) => loads.map((_, load) => all.filter((one, i) => one.load === load && test(one, i)).map((one) => one.span)).filter((spans) => spans.length > 0);
  const traces = new Set(all.map(({ span }) => span.traceNumber));
  if (traces.size > 1) for (const number of traces) yield kept(({ span }) => span.traceNumber === number);
  if (all.length > 1) for (let i = 0; i < all.length; ++i) yield kept((_, at) => at !== i);
  if (all.length > 12) return;
  const changed = (span, now) => loads.map((spans) => spans.map((one) => (one === span ? now : one)));
  for (const { span } of all) {
    for (const scope of ['span', 'resource', 'instrumentation'])
      for (const name of span[scope].keys()) yield changed(span, { ...span, [scope]: new Map([...span[scope]].filter(([key]) => key !== name)) });
    if (span.events.length > 0) yield changed(span, { ...span, events: span.events.slice(1) });
    if (span.links.length > 0) yield changed(span, { ...span, links: span.links.slice(1) });
    for (const [field, plain] of [['kind', 0], ['status', 0], ['message', ''], ['state', ''], ['scopeName', ''], ['service', '']]) if (span[field] !== plain) yield changed(span, { ...span, [field]: plain });
  }
}
