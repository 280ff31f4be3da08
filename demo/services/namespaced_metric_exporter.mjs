// A metric exporter that puts `<namespace>_` before every metric name and hands the rest to another exporter, like the
// `namespace` setting of the Collector's Prometheus exporter: the instrument http_requests_total arrives as
// app_http_requests_total. The caller's data is left as it is; only names are new.
export class NamespacedMetricExporter {
  #exporter;
  #namespace;

  constructor(exporter, namespace) {
    this.#exporter = exporter;
    this.#namespace = namespace;
  }

  export(resource_metrics, done) {
    const scopeMetrics = resource_metrics.scopeMetrics.map((scope) => ({
      ...scope,
      metrics: scope.metrics.map((metric) => ({
        ...metric,
        descriptor: { ...metric.descriptor, name: `${this.#namespace}_${metric.descriptor.name}` },
      })),
    }));
    this.#exporter.export({ ...resource_metrics, scopeMetrics }, done);
  }

  forceFlush() {
    return this.#exporter.forceFlush();
  }

  shutdown() {
    return this.#exporter.shutdown();
  }

  selectAggregation(instrument_type) {
    return this.#exporter.selectAggregation?.(instrument_type);
  }

  selectAggregationTemporality(instrument_type) {
    return this.#exporter.selectAggregationTemporality(instrument_type);
  }
}
