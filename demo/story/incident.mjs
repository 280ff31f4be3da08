// The steps up to the page: everything is started, a baseline is measured, the burst comes, the alert arrives.
import { burst_orders, burst_spread_seconds, large_orders_per_second, percentile } from '../load.mjs';
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
  round,
  single,
  ticket_alert,
  ticket_state,
} from './checks.mjs';

const baseline_orders_per_second = 10;
const incident_small_orders_per_second = 4; // the trickle goes on beside the large orders
const sample_visits_per_second = 2;

export async function ready(story) {
  await story.start();
  const up = await poll(story, 20, async () => {
    const targets = await story.client.promql('up{job=~".+-service"}');
    const away = targets.filter((target) => target.value !== 1).map((target) => target.metric.job);
    if (targets.length === 4 && away.length === 0) return { done: true, value: targets };
    return {
      done: false,
      why: `${targets.length} of 4 services are scraped, down: ${away.join(', ') || 'none'}`,
    };
  });
  return {
    summary: `server, ${up.length} services and sample app are up, all scraped`,
    figures: { targets_up: up.length },
  };
}

export async function baseline(story) {
  story.load.set_small_order_rate(baseline_orders_per_second);
  story.load.set_sample_rate(sample_visits_per_second);
  const window = story.profile.latency_window;
  const { p99, orders } = await poll(story, 45, async () => {
    const orders = await single(
      story,
      `sum(increase(http_request_duration_seconds_count{${order_series}}[${window}]))`,
    );
    if (!(orders >= 100))
      return { done: false, why: `only ${Math.round(orders || 0)} orders in ${window}, 100 are needed` };
    const p99 = await single(story, p99_query(order_series, window));
    if (p99 < objective_seconds) return { done: true, value: { p99, orders } };
    return {
      done: false,
      why: `p99 of POST /orders is ${in_ms(p99)}, not below ${in_ms(objective_seconds)}`,
    };
  });
  story.baseline_p99 = p99;
  const { state, ratio } = await poll(story, 30, async () => {
    const state = await ticket_state(story);
    const ratio = await order_error_ratio(story);
    if (state !== 'inactive') return { done: true, value: { state, ratio } };
    return { done: false, why: `${ticket_alert} is inactive at an error ratio of ${in_percent(ratio)}` };
  });
  const pages = story.receiver.notifications.filter(({ body }) =>
    is_notification(body, page_alert, 'firing'),
  );
  require_that(pages.length === 0, `${page_alert} was sent before the burst`);
  return {
    summary: [
      `p99 of POST /orders ${in_ms(p99)} (objective ${in_ms(objective_seconds)})`,
      `${in_percent(ratio)} fail: ticket ${ticket_alert} is ${state}`,
    ],
    figures: { order_p99_seconds: p99, orders_in_window: orders, error_ratio: ratio, ticket_state: state },
  };
}

export async function burst(story) {
  story.burst_begun_s = now_s();
  story.load.set_small_order_rate(incident_small_orders_per_second);
  const { statuses, seconds } = await story.load.burst();
  story.load.set_large_order_rate(large_orders_per_second);
  const url = `http://127.0.0.1:${story.ports.order}/orders`;
  story.client.note('shop', `POST ${url}, ${burst_orders} times, quantity 6 to 10`, { statuses });
  const created = statuses[201] ?? 0;
  const failed = statuses[502] ?? 0;
  require_that(
    created + failed === burst_orders,
    `expected only 201 and 502, got ${JSON.stringify(statuses)}`,
  );
  require_that(created >= burst_orders * 0.8, `only ${created} of ${burst_orders} orders were created`);
  const p50 = percentile(seconds, 0.5);
  const p99 = percentile(seconds, 0.99);
  return {
    summary: [
      `${burst_orders} large orders in ${burst_spread_seconds} s: ${created} created, ${failed} failed`,
      `customers waited ${in_ms(p50)} (p50), ${in_ms(p99)} (p99)`,
      `${large_orders_per_second}/s keep arriving`,
    ],
    figures: { statuses, customer_p50_seconds: p50, customer_p99_seconds: p99 },
  };
}

export async function alert(story) {
  const accepts = (body) => is_notification(body, page_alert, 'firing');
  const notification = await story.receiver.wait_for(accepts, 30000);
  await story.client.alerts();
  require_that(notification, `no webhook notification of ${page_alert} arrived in 30 s`);
  const { body, received_ms } = notification;
  story.client.note('webhook', `POST /alerts ${page_alert} firing`, body);
  const { labels, annotations } = body.alerts.find((one) => one.labels.alertname === page_alert);
  require_that(labels.severity === 'critical', `severity is ${labels.severity}, not critical`);
  require_that(labels.job === 'order-service', `job is ${labels.job}, not order-service`);
  require_that(annotations.runbook_url, 'the alert has no runbook_url');
  const runbook = await fetch(annotations.runbook_url);
  require_that(runbook.ok, `the runbook ${annotations.runbook_url} is answered ${runbook.status}`);
  await runbook.arrayBuffer();
  const after = received_ms / 1000 - story.burst_begun_s;
  return {
    summary: [
      `${labels.severity}: ${annotations.summary}`,
      `notified ${after.toFixed(1)} s after the burst began`,
      `runbook ${annotations.runbook_url}`,
    ],
    figures: { notified_after_seconds: round(after, 2), labels, annotations },
  };
}
