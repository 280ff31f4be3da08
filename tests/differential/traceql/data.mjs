// Generated spans as they are sent, and what they make together.
import { Trace } from './trace.mjs';
import { traceId } from './traces.mjs';

// Spans in requests of their own, in any order; a tenth of them twice.
export function piecesOf(spans, random) {
  const loads = Array.from({ length: 1 + random.below(4) }, () => []);
  for (const span of spans) {
    random.pick(loads).push(span);
    if (random.chance(0.1)) random.pick(loads).push(span);
  }
  return loads.filter((load) => load.length > 0);
}

export function tracesOf(loads) {
  const byTrace = new Map();
  for (const span of loads.flat()) {
    if (!byTrace.has(span.traceNumber)) byTrace.set(span.traceNumber, new Map());
    byTrace.get(span.traceNumber).set(span.id, span);
  }
  return [...byTrace].map(([number, spans]) => new Trace(traceId(number), [...spans.values()]));
}

export function questionsFor(generator, count) {
  return Array.from({ length: count }, () => {
    const question = generator.question();
    return question.kind === 'search' && generator.chance(0.1) ? { ...question, kind: 'show', range: undefined, slowest: false } : question;
  });
}
