// Rate, errors and duration of services and of the calls between them, from the metrics the server derives from spans.
import { query_instant, query_range, type Sample, type Series } from './prometheus';
import type { ResolvedRange } from '../state/time_range';

export interface Red {
  rate: number;
  errors: number; // share, 0 to 1
  p50: number;
  p99: number;
}

export interface ServiceRed extends Red {
  service: string;
  rate_series: Series | null;
  error_series: Series | null;
  p99_series: Series | null;
}

export interface Edge extends Red {
  client: string;
  server: string;
  requests?: number; // where they were counted one by one
  slowest_trace_id?: string | null;
}

// Requests a service answers; where a service only makes calls or works by itself, all its spans.
const served = 'span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"';

function by_label(samples: Sample[], name: string): Map<string, number> {
  return new Map(samples.map(({ labels, value }) => [labels[name] ?? '', value]));
}

export async function service_reds(range: ResolvedRange, step_s: number, window: string, signal: AbortSignal): Promise<ServiceRed[]> {
  const at = range.to_ms;
  const span = `${Math.max(1, Math.round((range.to_ms - range.from_ms) / 1000))}s`;
  const calls = `traces_spanmetrics_calls_total{${served}`;
  const [rate, failed, p50, p99, rates, failures, p99s] = await Promise.all([
    query_instant(`sum by (service) (rate(${calls}}[${span}]))`, at, signal),
    query_instant(`sum by (service) (rate(${calls}, status_code="STATUS_CODE_ERROR"}[${span}]))`, at, signal),
    query_instant(`histogram_quantile(0.5, sum by (le, service) (rate(traces_spanmetrics_latency_bucket{${served}}[${span}])))`, at, signal),
    query_instant(`histogram_quantile(0.99, sum by (le, service) (rate(traces_spanmetrics_latency_bucket{${served}}[${span}])))`, at, signal),
    query_range(`sum by (service) (rate(${calls}}[${window}]))`, range, step_s, signal),
    query_range(`sum by (service) (rate(${calls}, status_code="STATUS_CODE_ERROR"}[${window}]))`, range, step_s, signal),
    query_range(`histogram_quantile(0.99, sum by (le, service) (rate(traces_spanmetrics_latency_bucket{${served}}[${window}])))`, range, step_s, signal),
  ]);
  const maps = [failed, p50, p99].map((samples) => by_label(samples, 'service'));
  const series_of = (all: Series[], service: string) => all.find(({ labels }) => labels.service === service) ?? null;
  return rate.map(({ labels, value }) => {
    const service = labels.service ?? '';
    return {
      service, rate: value, errors: value > 0 ? (maps[0].get(service) ?? 0) / value : NaN, p50: maps[1].get(service) ?? NaN, p99: maps[2].get(service) ?? NaN,
      rate_series: series_of(rates.series, service), error_series: series_of(failures.series, service), p99_series: series_of(p99s.series, service),
    };
  }).sort((left, right) => right.errors - left.errors || right.p99 - left.p99);
}

export async function service_edges(range: ResolvedRange, signal: AbortSignal): Promise<Edge[]> {
  const at = range.to_ms;
  const span = `${Math.max(1, Math.round((range.to_ms - range.from_ms) / 1000))}s`;
  const by = 'client, server';
  const [rate, failed, p50, p99] = await Promise.all([
    query_instant(`sum by (${by}) (rate(traces_service_graph_request_total[${span}]))`, at, signal),
    query_instant(`sum by (${by}) (rate(traces_service_graph_request_failed_total[${span}]))`, at, signal),
    query_instant(`histogram_quantile(0.5, sum by (le, ${by}) (rate(traces_service_graph_request_server_seconds_bucket[${span}])))`, at, signal),
    query_instant(`histogram_quantile(0.99, sum by (le, ${by}) (rate(traces_service_graph_request_server_seconds_bucket[${span}])))`, at, signal),
  ]);
  const key = (sample: Sample) => JSON.stringify([sample.labels.client ?? '', sample.labels.server ?? '']);
  const maps = [failed, p50, p99].map((samples) => new Map(samples.map((sample) => [key(sample), sample.value])));
  return rate.filter(({ value }) => value > 0).map((sample) => ({
    client: sample.labels.client ?? '', server: sample.labels.server ?? '', rate: sample.value,
    errors: (maps[0].get(key(sample)) ?? 0) / sample.value, p50: maps[1].get(key(sample)) ?? NaN, p99: maps[2].get(key(sample)) ?? NaN,
  }));
}

// Failing is red, a little failing is amber; slowness is shown by its figure, since no objective says what is slow.
export function health(errors: number): 'crit' | 'warn' | 'ok' {
  if (!(errors > 0.001)) return 'ok';
  return errors >= 0.05 ? 'crit' : 'warn';
}
