// Logs of the shop: one JSON object a line on standard output, as the seeds' structlog writes them ("event" is the
// message, "level" a word, "timestamp" ISO 8601). pino writes them; OpenTelemetry's pino instrumentation adds trace_id,
// span_id and trace_flags of the span that is active. The same lines go to Loki's push API when LOKI_PUSH_URL is set
// (a container's standard output shipped by Promtail); the sample app leaves it unset and sends over OTLP instead.
// Environment: LOKI_PUSH_URL, LOKI_PUSH_ENCODING (protobuf | json), LOKI_BATCH_WAIT_MS, and LOKI_TRACE_METADATA, the
// name under which the trace id is repeated as structured metadata of each entry (as a shipper that lifts it would).
import pino from 'pino';
import { LokiShipper } from './loki_shipper.mjs';

const sends_otlp = process.env.OTEL_LOGS_EXPORTER !== 'none';
const level_words = { warn: 'warning', fatal: 'critical' };

export function create_logging(service_name) {
  const shipper = process.env.LOKI_PUSH_URL ? create_shipper(service_name) : null;
  const trace_metadata = process.env.LOKI_TRACE_METADATA;
  const destination = {
    write(line) {
      process.stdout.write(line);
      if (!shipper) return;
      const text = line.trimEnd();
      shipper.push(text, trace_metadata ? trace_metadata_of(text, trace_metadata) : {});
    },
  };
  const log = pino(
    {
      base: null,
      messageKey: 'event',
      // The seeds' lines carry "timestamp"; the instrumentation that sends records over OTLP knows pino's own "time".
      timestamp: sends_otlp
        ? pino.stdTimeFunctions.isoTime
        : () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: level_words[label] ?? label }) },
    },
    destination,
  );
  return { log, shipper };
}

function create_shipper(service_name) {
  return new LokiShipper({
    url: process.env.LOKI_PUSH_URL,
    labels: { service: service_name, container: service_name },
    encoding: process.env.LOKI_PUSH_ENCODING ?? 'protobuf',
    batch_wait_ms: Number(process.env.LOKI_BATCH_WAIT_MS ?? 500),
  });
}

function trace_metadata_of(line, name) {
  const { trace_id } = JSON.parse(line);
  return trace_id ? { [name]: trace_id } : {};
}
