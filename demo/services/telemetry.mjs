// Starts the OpenTelemetry SDK before the service is loaded: node --import ./telemetry.mjs ./order.mjs.
// What is exported where comes from the standard variables (OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_ENDPOINT,
// OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_METRICS_EXPORTER, OTEL_LOGS_EXPORTER, OTEL_BSP_SCHEDULE_DELAY, ...), as a stranger's
// service would set them. Two are ours: SHOP_METRICS_NAMESPACE puts a prefix before the name of every metric that goes
// out over OTLP (the `namespace` of the Collector's Prometheus exporter), and SHOP_QUIET_PATHS lists paths that make no spans.
import { register } from 'node:module';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { PinoInstrumentation } from '@opentelemetry/instrumentation-pino';
import { RuntimeNodeInstrumentation } from '@opentelemetry/instrumentation-runtime-node';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { OTLPMetricExporter as GrpcMetricExporter } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPMetricExporter as ProtobufMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { NamespacedMetricExporter } from './namespaced_metric_exporter.mjs';
import { shop_propagator } from './propagation.mjs';

// Lets the instrumentations patch modules that are loaded with `import`.
register('@opentelemetry/instrumentation/hook.mjs', import.meta.url);

const quiet_paths = new Set((process.env.SHOP_QUIET_PATHS ?? '/metrics,/health,/faults').split(','));
const exports_metrics = process.env.OTEL_METRICS_EXPORTER !== 'none';
const exports_logs = process.env.OTEL_LOGS_EXPORTER !== 'none';

const instrumentations = [
  new HttpInstrumentation({
    ignoreIncomingRequestHook: (request) => quiet_paths.has(request.url.split('?', 1)[0]),
    // Calls between services go through fetch; what is left of node:http here are exporters and the log shipper.
    disableOutgoingRequestInstrumentation: true,
  }),
  new UndiciInstrumentation(),
  new PinoInstrumentation({ disableLogSending: !exports_logs }),
];
if (exports_metrics) instrumentations.push(new RuntimeNodeInstrumentation());

function metric_readers() {
  const namespace = process.env.SHOP_METRICS_NAMESPACE;
  if (!exports_metrics || !namespace) return undefined; // the SDK's own choice, from the environment
  const protocol = process.env.OTEL_EXPORTER_OTLP_METRICS_PROTOCOL ?? process.env.OTEL_EXPORTER_OTLP_PROTOCOL;
  const Exporter = protocol === 'grpc' ? GrpcMetricExporter : ProtobufMetricExporter;
  const interval_ms = Number(process.env.OTEL_METRIC_EXPORT_INTERVAL ?? 10000);
  return [
    new PeriodicExportingMetricReader({
      exporter: new NamespacedMetricExporter(new Exporter(), namespace),
      exportIntervalMillis: interval_ms,
      exportTimeoutMillis: interval_ms,
    }),
  ];
}

const sdk = new NodeSDK({
  instrumentations,
  metricReaders: metric_readers(),
  textMapPropagator: shop_propagator(),
});
sdk.start();

// Sends what is still buffered. A server that is already gone must not keep the service from ending.
export async function stop_telemetry() {
  try {
    await sdk.shutdown();
  } catch (error) {
    process.stderr.write(`telemetry: last export failed: ${error.message}\n`);
  }
}
