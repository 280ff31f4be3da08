// How each process of the demonstration is started: the server, the four services and the sample app. Two services send
// their spans by OTLP over gRPC and two over HTTP with protobuf; the notification service pushes its log lines as JSON
// with the trace id as structured metadata, the others as Promtail does; the sample app sends everything by OTLP.
import { fileURLToPath } from 'node:url';

const services_directory = fileURLToPath(new URL('../services/', import.meta.url));

const grpc = 'grpc';
const http_protobuf = 'http/protobuf';

const shop_services = [
  {
    name: 'notification',
    protocol: http_protobuf,
    extra: { LOKI_PUSH_ENCODING: 'json', LOKI_TRACE_METADATA: 'traceId' },
  },
  { name: 'payment', protocol: grpc },
  { name: 'inventory', protocol: http_protobuf },
  { name: 'order', protocol: grpc },
];

export function server_process(binary, config_file) {
  return { name: 'obelisk', command: binary, args: ['serve', '--config', config_file] };
}

function otlp_environment(protocol, ports) {
  const port = protocol === grpc ? ports.otlp_grpc : ports.otlp_http;
  return {
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_BSP_SCHEDULE_DELAY: '500',
    OTEL_BLRP_SCHEDULE_DELAY: '500',
  };
}

function node_service(file, name, port, environment) {
  return {
    name,
    command: process.execPath,
    args: ['--import', `${services_directory}telemetry.mjs`, `${services_directory}${file}.mjs`],
    environment: {
      OTEL_SERVICE_NAME: name,
      PORT: String(port),
      SHOP_EXIT_WITH_PARENT: '1',
      ...environment,
    },
    watches_parent: true,
  };
}

// All five, in an order in which each finds those it calls. seed makes their randomness repeatable.
export function shop_processes(ports, seed) {
  const shop = shop_services.map(({ name, protocol, extra }) =>
    node_service(name, `${name}-service`, ports[name], {
      ...otlp_environment(protocol, ports),
      OTEL_METRICS_EXPORTER: 'none', // scraped
      OTEL_LOGS_EXPORTER: 'none', // pushed to Loki's API
      LOKI_PUSH_URL: `http://127.0.0.1:${ports.server}`,
      LOKI_BATCH_WAIT_MS: '500',
      INVENTORY_SERVICE_URL: `http://127.0.0.1:${ports.inventory}`,
      PAYMENT_SERVICE_URL: `http://127.0.0.1:${ports.payment}`,
      NOTIFICATION_SERVICE_URL: `http://127.0.0.1:${ports.notification}`,
      SHOP_SEED: String(seed),
      ...extra,
    }),
  );
  const sample = node_service('sample_app', 'sample-app', ports.sample, {
    ...otlp_environment(grpc, ports),
    OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: http_protobuf,
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `http://127.0.0.1:${ports.otlp_http}/v1/logs`,
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=local,service.version=1.0.0',
    OTEL_METRIC_EXPORT_INTERVAL: '2000',
    SHOP_METRICS_NAMESPACE: 'app',
    SHOP_SEED: String(seed),
  });
  return [...shop, sample];
}
