// What every service of the shop is made of: name, logs, metrics, faults, seeded randomness and an HTTP server.
import { SpanStatusCode, trace } from '@opentelemetry/api';
import { Faults } from './faults.mjs';
import { HttpError, HttpService } from './http_service.mjs';
import { create_logging } from './logging.mjs';
import { ServiceMetrics } from './metrics.mjs';
import { random_of_service } from './random.mjs';
import { stop_telemetry } from './telemetry.mjs';
import { add_trace_relay } from './trace_relay.mjs';

// OTEL_SERVICE_NAME and PORT come before the defaults; scraped says whether the service offers /metrics itself.
export function create_service({ default_name, default_port, faults: declared_faults, scraped = true }) {
  const name = process.env.OTEL_SERVICE_NAME ?? default_name;
  const { log, shipper } = create_logging(name);
  const metrics = scraped ? new ServiceMetrics() : null;
  if (metrics && shipper) metrics.watch_shipper(shipper);
  const faults = new Faults(declared_faults);
  const http = new HttpService({ log, metrics, faults });
  add_trace_relay(http);
  const port = Number(process.env.PORT ?? default_port);
  const run = () =>
    http.run(port, async () => {
      await Promise.all([stop_telemetry(), shipper?.close()]);
    });
  return {
    name,
    log,
    metrics,
    faults,
    random: random_of_service(name),
    tracer: trace.getTracer(name),
    http,
    run,
  };
}

// Runs work inside a new active span. An error that is a 5xx answer, or no answer at all, marks the span as failed; a
// refusal (4xx) is the caller's business and only noted.
export function in_span(tracer, name, attributes, work) {
  return tracer.startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      if (error instanceof HttpError && error.status < 500) {
        span.setAttribute('order.rejected', error.message);
      } else {
        span.recordException(error);
        span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      }
      throw error;
    } finally {
      span.end();
    }
  });
}

export function pause_ms(duration_ms) {
  return new Promise((resolve) => setTimeout(resolve, duration_ms));
}
