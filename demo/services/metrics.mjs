// The metrics a shop service offers at /metrics, in OpenMetrics, because only that format carries exemplars.
// Every request is counted and timed by endpoint (the route template, so that cardinality stays bounded), method and
// status; each observation carries the trace id of its request as exemplar label traceID.
import prometheus from 'prom-client';
import { isSpanContextValid } from '@opentelemetry/api';

const label_names = ['endpoint', 'method', 'http_status'];

// 0.25 is the objective of POST /orders; the steps between 20 and 50 ms tell the repaired reserve from a slow one.
const duration_buckets_seconds = [
  0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5,
  0.75, 1, 1.5, 2.5, 5, 10,
];

export class ServiceMetrics {
  #registry = new prometheus.Registry(prometheus.Registry.OPENMETRICS_CONTENT_TYPE);
  #requests;
  #durations;

  constructor() {
    prometheus.collectDefaultMetrics({ register: this.#registry });
    this.#requests = new prometheus.Counter({
      name: 'http_requests_total',
      help: 'HTTP requests answered.',
      labelNames: label_names,
      registers: [this.#registry],
    });
    this.#durations = new prometheus.Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from reading the request head to the end of the answer.',
      labelNames: label_names,
      buckets: duration_buckets_seconds,
      enableExemplars: true,
      registers: [this.#registry],
    });
  }

  get content_type() {
    return this.#registry.contentType;
  }

  expose() {
    return this.#registry.metrics();
  }

  // Starts the series of an endpoint at zero: rate() cannot see the first increment of a series that appears with it,
  // and the first failure is the one that matters.
  declare_endpoint(method, endpoint, statuses) {
    for (const http_status of statuses) {
      this.#requests.inc({ endpoint, method, http_status }, 0);
      this.#durations.zero({ endpoint, method, http_status });
    }
  }

  observe_request({ method, endpoint, http_status, seconds, span }) {
    const labels = { endpoint, method, http_status };
    this.#requests.inc(labels);
    const span_context = span?.spanContext();
    const has_trace = span_context && isSpanContextValid(span_context);
    this.#durations.observe({
      labels,
      value: seconds,
      exemplarLabels: has_trace ? { traceID: span_context.traceId } : {},
    });
  }

  gauge(name, help) {
    return new prometheus.Gauge({ name, help, registers: [this.#registry] });
  }

  counter(name, help) {
    return new prometheus.Counter({ name, help, registers: [this.#registry] });
  }

  // Lines shipped and lost, read from the shipper's own counters at each scrape.
  watch_shipper(shipper) {
    new prometheus.Gauge({
      name: 'log_shipper_lines',
      help: 'Log lines by what became of them.',
      labelNames: ['outcome'],
      registers: [this.#registry],
      collect() {
        for (const [outcome, count] of Object.entries(shipper.counters)) {
          if (outcome !== 'retried_requests') this.set({ outcome }, count);
        }
      },
    });
  }
}
