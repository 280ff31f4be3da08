// What the steps of the story share: the series they ask for, the objectives, waiting, and saying figures.
import { wait_until } from '../stack/wait.mjs';

export const objective_seconds = 0.25;
export const reserve_recovered_seconds = 0.05;
export const page_alert = 'OrderLatencyBudgetBurnFast';
export const ticket_alert = 'OrderErrorBudgetBurnSlow';

export const order_series = 'job="order-service", endpoint="/orders", method="POST"';
export const reserve_series = 'job="inventory-service", endpoint="/stock/{item}/reserve"';

// The verdict of a step: what was asked was answered, and the answer is not what it should be.
export class StepFailed extends Error {}

export function require_that(condition, complaint) {
  if (!condition) throw new StepFailed(complaint);
}

export function now_s() {
  return Date.now() / 1000;
}

export function in_ms(seconds) {
  return `${Math.round(seconds * 1000)} ms`;
}

export function in_percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

export function round(value, digits) {
  return Number(value.toFixed(digits));
}

export function poll(story, deadline_s, attempt) {
  return wait_until(attempt, { deadline_ms: deadline_s * 1000, signal: story.signal });
}

// The seeds' query for the p99 of each job and endpoint.
export function p99_query(selector, window) {
  const buckets = `rate(http_request_duration_seconds_bucket{${selector}}[${window}])`;
  return `histogram_quantile(0.99, sum(${buckets}) by (le, job, endpoint))`;
}

// The value of a query that has one series, or NaN when it has none.
export async function single(story, query) {
  const result = await story.client.promql(query);
  require_that(result.length <= 1, `expected at most one series from ${query}, got ${result.length}`);
  return result[0]?.value ?? NaN;
}

export async function ticket_state(story) {
  const states = await story.client.promql(`ALERTS{alertname="${ticket_alert}"}`);
  return states[0]?.metric.alertstate ?? 'inactive';
}

export function order_error_ratio(story) {
  const series = `http_requests_total{${order_series}`;
  const window = story.profile.ticket_short;
  return single(
    story,
    `sum(rate(${series}, http_status=~"5.."}[${window}])) / sum(rate(${series}}[${window}]))`,
  );
}

export function is_notification(body, alertname, status) {
  return (
    body.status === status &&
    body.alerts?.some((one) => one.labels?.alertname === alertname && one.status === status)
  );
}
