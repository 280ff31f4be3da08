// The steps after the cause is known: the fix, the recovery in metrics, the resolved page, and the ticket that stays.
import { large_orders_per_second } from '../load.mjs';
import {
  in_ms,
  in_percent,
  is_notification,
  now_s,
  objective_seconds,
  order_error_ratio,
  order_series,
  p99_query,
  page_alert,
  poll,
  require_that,
  reserve_recovered_seconds,
  reserve_series,
  round,
  single,
  ticket_alert,
  ticket_state,
} from './checks.mjs';

// Nine orders a second of 60 ms each: about one is always on its way.
const orders_in_flight_at_rest = 3;

export async function fix(story) {
  const url = `http://127.0.0.1:${story.ports.inventory}/faults`;
  story.fixed_s = now_s();
  if (!story.fix) return { summary: 'skipped (--no-fix): slow_lookup stays', figures: { applied: false } };
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ slow_lookup: false }),
  });
  const faults = await response.json();
  story.client.note('faults', `POST ${url} {"slow_lookup": false}`, faults);
  require_that(
    response.ok && faults.slow_lookup === false,
    `the fix was answered ${response.status}: ${JSON.stringify(faults)}`,
  );
  return {
    summary: `inventory-service looks stock up in constant time (POST /faults {"slow_lookup": false})`,
    figures: { applied: true, faults },
  };
}

export async function recovery(story) {
  const window = story.profile.latency_window;
  const sent_before = story.load.counters.large_orders;
  const { reserve_p99, order_p99, in_flight } = await poll(story, 40, async () => {
    const reserve_p99 = await single(story, p99_query(reserve_series, window));
    const order_p99 = await single(story, p99_query(order_series, window));
    const in_flight = await single(story, 'sum(orders_in_flight)');
    const missing = [];
    if (!(reserve_p99 < reserve_recovered_seconds)) {
      missing.push(`reserve p99 is ${in_ms(reserve_p99)}, not below ${in_ms(reserve_recovered_seconds)}`);
    }
    if (!(order_p99 < objective_seconds)) {
      missing.push(`POST /orders p99 is ${in_ms(order_p99)}, not below ${in_ms(objective_seconds)}`);
    }
    if (!(in_flight <= orders_in_flight_at_rest)) missing.push(`${in_flight} orders are in flight`);
    if (missing.length === 0) return { done: true, value: { reserve_p99, order_p99, in_flight } };
    return { done: false, why: missing.join('; ') };
  });
  const large_orders = story.load.counters.large_orders - sent_before;
  const seconds = now_s() - story.fixed_s;
  const large_rate = large_orders / seconds;
  require_that(
    large_rate > large_orders_per_second * 0.8,
    `only ${large_rate.toFixed(1)} large orders a second kept arriving`,
  );
  return {
    summary: [
      `reserve p99 ${in_ms(reserve_p99)}`,
      `POST /orders p99 ${in_ms(order_p99)} (baseline ${in_ms(story.baseline_p99)})`,
      `with ${large_rate.toFixed(1)} large orders/s, ${in_flight} in flight, ${seconds.toFixed(1)} s after the fix`,
    ],
    figures: {
      reserve_p99_seconds: reserve_p99,
      order_p99_seconds: order_p99,
      orders_in_flight: in_flight,
      large_orders_per_second: round(large_rate, 2),
    },
  };
}

export async function resolved(story) {
  const accepts = (body) => is_notification(body, page_alert, 'resolved');
  const notification = await story.receiver.wait_for(accepts, 40000);
  await story.client.alerts();
  require_that(notification, `no webhook notification that ${page_alert} is resolved arrived in 40 s`);
  story.client.note('webhook', `POST /alerts ${page_alert} resolved`, notification.body);
  const after = notification.received_ms / 1000 - story.fixed_s;
  require_that(after > 0, `it was resolved ${(-after).toFixed(1)} s before the fix`);
  return {
    summary: `${page_alert} resolved, notified ${after.toFixed(1)} s after the fix`,
    figures: { notified_after_seconds: round(after, 2) },
  };
}

export async function ticket(story) {
  const { state, ratio } = await poll(story, 20, async () => {
    const state = await ticket_state(story);
    const ratio = await order_error_ratio(story);
    if (state !== 'inactive') return { done: true, value: { state, ratio } };
    return { done: false, why: `${ticket_alert} is inactive at an error ratio of ${in_percent(ratio)}` };
  });
  return {
    summary: [
      `${in_percent(ratio)} of the orders still fail as they did before`,
      `${ticket_alert} is ${state}: a ticket and no page`,
    ],
    figures: { error_ratio: ratio, ticket_state: state },
  };
}
