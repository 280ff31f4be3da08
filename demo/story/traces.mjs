// Getting a trace that is still arriving.
import { read_spans, roots } from '../trace_tree.mjs';
import { poll } from './checks.mjs';

// The spans of a trace once all of them have arrived: one root, the order service's, and at least those asked for.
export function whole_trace(story, trace_id, span_names) {
  return poll(story, 20, async () => {
    const answer = await story.client.trace(trace_id);
    if (!answer) return { done: false, why: `trace ${trace_id} is not found` };
    const spans = read_spans(answer);
    const missing = span_names.filter((name) => !spans.some((span) => span.name === name));
    const top = roots(spans);
    if (missing.length === 0 && top.length === 1) return { done: true, value: spans };
    return {
      done: false,
      why: `trace ${trace_id} has ${spans.length} spans, ${top.length} roots, lacks ${missing.join(', ') || '-'}`,
    };
  });
}
