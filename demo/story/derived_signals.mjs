// The steps that look at what no service of the shop sends itself: metrics the server derives from spans, and the sample
// app, which sends everything by OTLP.
import { self_times } from '../trace_tree.mjs';
import { whole_trace } from './traces.mjs';
import { now_s, poll, require_that, single } from './checks.mjs';

export async function service_graph(story) {
  const edges = ['inventory-service', 'payment-service', 'notification-service'];
  const counts = await poll(story, 40, async () => {
    const result = await story.client.promql('sum by (client, server) (traces_service_graph_request_total)');
    const count = (server) =>
      result.find(({ metric }) => metric.client === 'order-service' && metric.server === server)?.value ?? 0;
    const missing = edges.filter((server) => !(count(server) > 0));
    if (missing.length === 0)
      return { done: true, value: Object.fromEntries(edges.map((server) => [server, count(server)])) };
    return {
      done: false,
      why: `traces_service_graph_request_total has no edge from order-service to ${missing.join(', ')}`,
    };
  });
  const calls = await poll(story, 20, async () => {
    const series = 'traces_spanmetrics_calls_total{service="inventory-service", span_name="slow_lookup"}';
    const value = await single(story, `sum(${series})`);
    return value > 0
      ? { done: true, value }
      : { done: false, why: 'traces_spanmetrics_calls_total has no slow_lookup' };
  });
  const text = edges.map((server) => `${server} ${counts[server]}`).join(', ');
  return {
    summary: `order-service -> ${text} requests; span metrics count ${calls} slow_lookup calls`,
    figures: { edges: counts, slow_lookup_calls: calls },
  };
}

// The sample app sends all by OTLP: its metrics have the prefix app_, its records the trace id as structured metadata.
export async function sample_app(story) {
  const requests = await poll(story, 20, async () => {
    const result = await story.client.promql('sum by (route) (app_http_requests_total{job="sample-app"})');
    const count = (route) => result.find(({ metric }) => metric.route === route)?.value ?? 0;
    const missing = ['/hello', '/error', '/slow'].filter((route) => !(count(route) > 0));
    if (missing.length === 0)
      return {
        done: true,
        value: Object.fromEntries(result.map(({ metric, value }) => [metric.route, value])),
      };
    return { done: false, why: `app_http_requests_total lacks ${missing.join(', ')}` };
  });
  const entry = await poll(story, 20, async () => {
    const entries = await story.client.logql(
      '{service_name="sample-app"} |= "slow request detected" | trace_id != ""',
      now_s() - 120,
      now_s(),
      10,
    );
    return entries.length > 0
      ? { done: true, value: entries.at(-1) }
      : { done: false, why: 'no log record "slow request detected" with a trace_id' };
  });
  const trace_id = entry.labels.trace_id;
  require_that(/^[0-9a-f]{32}$/.test(trace_id ?? ''), `the record's trace_id is ${trace_id}`);
  const spans = await whole_trace(story, trace_id, ['GET /slow', 'slow-operation', 'downstream-db-query']);
  const [longest] = self_times(spans);
  require_that(
    longest.span.name === 'downstream-db-query',
    `the longest self-time is in ${longest.span.name}`,
  );
  const text = Object.entries(requests).map(([route, count]) => `${route} ${count}`);
  return {
    summary: `app_http_requests_total ${text.join(', ')}; a slow record leads to its trace of ${spans.length} spans`,
    figures: { requests, trace_id },
  };
}
