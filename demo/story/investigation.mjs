// The steps from the page to the cause: scope in metrics, an exemplar, its trace, an order that failed as well, and the
// logs of that trace.
import { duration_ms, roots, self_times } from '../trace_tree.mjs';
import { whole_trace } from './traces.mjs';
import {
  in_ms,
  now_s,
  objective_seconds,
  order_series,
  p99_query,
  poll,
  require_that,
  round,
  single,
} from './checks.mjs';

const traces_opened = 5;

// What an order that reached the payment has, whatever became of it.
const spans_of_an_order = [
  'POST /orders',
  'process_order',
  'validate_order',
  'check_inventory',
  'GET /stock/{item}',
  'reserve_inventory',
  'POST /stock/{item}/reserve',
  'reserve_stock',
  'slow_lookup',
  'charge_payment',
  'POST /charges',
];

export async function scope(story) {
  const window = story.profile.latency_window;
  const order_p99 = await single(story, p99_query(order_series, window));
  const inventory = await story.client.promql(p99_query('job="inventory-service"', window));
  const p99_of = (endpoint) => inventory.find(({ metric }) => metric.endpoint === endpoint)?.value ?? NaN;
  const reserve_p99 = p99_of('/stock/{item}/reserve');
  const check_p99 = p99_of('/stock/{item}');
  const inventory_p99s = `inventory reserve ${in_ms(reserve_p99)}, stock check ${in_ms(check_p99)}`;
  const found = `p99 over ${window}: order POST /orders ${in_ms(order_p99)}, ${inventory_p99s}`;
  require_that(order_p99 > objective_seconds, `${found}: orders are not slow`);
  require_that(reserve_p99 > objective_seconds, `${found}: the reservation is not slow`);
  require_that(check_p99 < reserve_p99 / 2, `${found}: the stock check is not flat`);
  return {
    summary: found,
    figures: {
      order_p99_seconds: order_p99,
      reserve_p99_seconds: reserve_p99,
      stock_check_p99_seconds: check_p99,
    },
  };
}

export async function exemplar(story) {
  const query = `http_request_duration_seconds_bucket{${order_series}}`;
  const found = await poll(story, 15, async () => {
    const exemplars = await story.client.exemplars(query, story.burst_begun_s, now_s());
    const slow = exemplars.filter(({ labels, value }) => labels.traceID && value > objective_seconds);
    if (slow.length > 0) return { done: true, value: { slow, all: exemplars.length } };
    return {
      done: false,
      why: `none of ${exemplars.length} exemplars since the burst has a traceID and is above ${in_ms(objective_seconds)}`,
    };
  });
  // Those in the middle: neither the luckiest nor the ones that stood longest in the queue of the burst.
  const ordered = found.slow.toSorted((left, right) => left.value - right.value);
  const first = Math.max(0, Math.floor((ordered.length - traces_opened) / 2));
  story.slow_exemplars = ordered.slice(first, first + traces_opened);
  const [chosen] = story.slow_exemplars;
  return {
    summary: [
      `${found.slow.length} of ${found.all} exemplars are slow`,
      `e.g. ${in_ms(chosen.value)} in le="${chosen.series_labels.le}", traceID ${chosen.labels.traceID}`,
    ],
    figures: { exemplars: found.all, slow_exemplars: found.slow.length, chosen: story.slow_exemplars },
  };
}

// Where the time of a trace went: the spans with the longest and the second longest self-time.
function where_time_went(spans) {
  const [longest, second] = self_times(spans).map(({ span, self_ns }) => ({
    service: span.service,
    name: span.name,
    ms: round(Number(self_ns) / 1e6, 1),
    attributes: span.attributes,
  }));
  const [root] = roots(spans);
  return {
    trace_id: root.trace_id,
    root: `${root.service} ${root.name}`,
    duration_ms: round(duration_ms(root), 1),
    spans: spans.length,
    services: [...new Set(spans.map((span) => span.service))].sort(),
    longest,
    second,
  };
}

function is_slow_lookup({ longest }) {
  return longest.name === 'slow_lookup' && longest.service === 'inventory-service';
}

function require_high_demand({ longest }) {
  const demand = longest.attributes['inventory.demand'];
  require_that(demand === 'high', `inventory.demand of slow_lookup is ${demand}, not high`);
}

// Opens the traces of several slow exemplars. An order that only waited behind the burst may be among them (small orders
// keep coming), so the verdict is the majority's.
export async function trace(story) {
  const opened = [];
  for (const { labels } of story.slow_exemplars) {
    const spans = await whole_trace(story, labels.traceID, spans_of_an_order);
    opened.push(where_time_went(spans));
  }
  const slow = opened.filter(is_slow_lookup);
  const others = opened
    .filter((one) => !is_slow_lookup(one))
    .map(({ longest }) => `${longest.service} ${longest.name}`);
  require_that(
    slow.length > opened.length / 2,
    `slow_lookup has the longest self-time in ${slow.length} of ${opened.length} traces; in others: ${others.join(', ')}`,
  );
  // A failed order is looked at next; shown here is rather one that reached all four services.
  const shown = slow.find(({ services }) => services.length === 4) ?? slow[0];
  slow.forEach(require_high_demand);
  require_that(shown.root === 'order-service POST /orders', `the root is ${shown.root}`);
  const { longest, second } = shown;
  return {
    summary: [
      `${shown.root} ${shown.duration_ms} ms, ${shown.spans} spans of ${shown.services.length} services`,
      `longest self-time ${longest.service} ${longest.name} ${longest.ms} ms (inventory.demand=high)`,
      `next ${second.service} ${second.name} ${second.ms} ms`,
      `so in ${slow.length} of ${opened.length} traces opened`,
    ],
    figures: { shown, opened },
  };
}

// An order of the incident that was slow and failed: the intersection of a TraceQL search for slow lookups and a
// LogQL search for errors of order-service.
export async function failed_order(story) {
  const traceql = '{ name = "slow_lookup" && duration > 250ms }';
  const logql = '{service="order-service"} | json | level="error"';
  const found = await poll(story, 40, async () => {
    const slow = await story.client.traceql(traceql, story.burst_begun_s - 1, now_s(), 1000);
    const errors = await story.client.logql(logql, story.burst_begun_s, now_s());
    const failures = errors
      .map(({ line }) => JSON.parse(line))
      .filter(({ error }) => error === 'payment failed');
    const slow_ids = new Set(slow.map(({ traceID }) => traceID.padStart(32, '0')));
    const both = failures.filter(({ trace_id }) => slow_ids.has(trace_id));
    if (both.length > 0) return { done: true, value: { slow, failures, both } };
    return {
      done: false,
      why: `${slow.length} traces with a slow slow_lookup, ${failures.length} log lines "payment failed", none in both`,
    };
  });
  const line = found.both[0];
  story.failed_trace_id = line.trace_id;
  require_that(line.quantity > 5, `the quantity is ${line.quantity}`);
  const spans = await whole_trace(story, line.trace_id, [
    'POST /orders',
    'slow_lookup',
    'charge_payment',
    'POST /charges',
  ]);
  const figures = where_time_went(spans);
  require_that(
    is_slow_lookup(figures),
    `the longest self-time is ${figures.longest.ms} ms in ${figures.longest.service} ${figures.longest.name}`,
  );
  require_high_demand(figures);
  const charge = spans.find((span) => span.name === 'charge_payment');
  const payment = spans.find((span) => span.name === 'POST /charges' && span.service === 'payment-service');
  require_that(charge.failed, 'the span charge_payment is not marked as failed');
  require_that(payment?.failed, 'the span POST /charges of payment-service is not marked as failed');
  const slow_failed = await story.client.traceql(
    `{ resource.service.name = "payment-service" && status = error }`,
    story.burst_begun_s - 1,
    now_s(),
    1000,
  );
  require_that(
    slow_failed.some(({ traceID }) => traceID.padStart(32, '0') === line.trace_id),
    `a TraceQL search for failed spans of payment-service does not find ${line.trace_id}`,
  );
  return {
    summary: [
      `${found.slow.length} slow traces, ${found.failures.length} "payment failed" lines, ${found.both.length} in both`,
      `in ${line.trace_id} charge_payment failed in ${Math.round(duration_ms(charge))} ms`,
      `slow_lookup took ${figures.longest.ms} ms`,
    ],
    figures: {
      slow_traces: found.slow.length,
      payment_failures: found.failures.length,
      in_both: found.both.length,
      log_line: line,
      ...figures,
    },
  };
}

// Lines of one trace, whatever service wrote them, once the expected events are among them.
function lines_of_trace(story, query, events) {
  return poll(story, 15, async () => {
    const entries = await story.client.logql(query, story.burst_begun_s - 60, now_s());
    const lines = entries.map(({ labels, line }) => ({ service: labels.service, ...JSON.parse(line) }));
    const missing = events.filter((event) => !lines.some((line) => line.event === event));
    if (missing.length === 0) return { done: true, value: lines };
    return { done: false, why: `${lines.length} lines from ${query}, without ${missing.join(', ')}` };
  });
}

export async function logs(story) {
  const by_trace = (trace_id) => `{service=~".+"} | json | trace_id="${trace_id}"`;
  const events = ['stock_checked', 'stock_reserved', 'charge_declined', 'order_processing_failed'];
  const failed = await lines_of_trace(story, by_trace(story.failed_trace_id), events);
  const verdict = failed.find((line) => line.event === 'order_processing_failed');
  require_that(verdict.error === 'payment failed', `the error is "${verdict.error}", not "payment failed"`);
  require_that(verdict.service === 'order-service', `order_processing_failed comes from ${verdict.service}`);
  const inventory_errors = await story.client.logql(
    '{service="inventory-service"} | json | level="error"',
    story.burst_begun_s - 60,
    now_s(),
  );
  require_that(inventory_errors.length === 0, `inventory-service has ${inventory_errors.length} error lines`);
  const notified = await pivot_by_metadata(story);
  return {
    summary: [
      `${failed.length} lines of ${new Set(failed.map((line) => line.service)).size} services`,
      `order_processing_failed "${verdict.error}" (quantity ${verdict.quantity})`,
      `inventory-service has no errors`,
      `traceId as metadata finds ${notified}`,
    ],
    figures: { lines: failed, inventory_errors: inventory_errors.length },
  };
}

// notification-service's entries carry the trace id as structured metadata named traceId: no parser is needed.
async function pivot_by_metadata(story) {
  const sent = await poll(story, 15, async () => {
    const entries = await story.client.logql(
      '{service="notification-service"} |= "notification_sent"',
      story.burst_begun_s,
      now_s(),
      1,
    );
    return entries.length > 0
      ? { done: true, value: JSON.parse(entries[0].line) }
      : { done: false, why: 'no notification_sent line' };
  });
  const query = `{service="notification-service"} | traceId="${sent.trace_id}"`;
  const entries = await story.client.logql(query, story.burst_begun_s - 60, now_s());
  require_that(entries.length > 0, `no line from ${query}`);
  const others = entries.filter(({ line }) => JSON.parse(line).trace_id !== sent.trace_id);
  require_that(others.length === 0, `${others.length} lines of other traces from ${query}`);
  return `${entries.length} line of notification-service`;
}
