// sample-app: three routes that make all three signals on every request. Its metrics, logs and traces all leave by OTLP.
import { metrics as metrics_api } from '@opentelemetry/api';
import { HttpError } from './http_service.mjs';
import { create_service, in_span, pause_ms } from './service.mjs';

const slow_threshold_s = 0.5;

const { log, faults, random, tracer, http, run } = create_service({
  default_name: 'sample-app',
  default_port: 8000,
  scraped: false,
  faults: {
    simulated_error_rate: { kind: 'probability', initial: 0.5 },
    downstream_delay_ms: { kind: 'delay_ms', initial: 0 },
  },
});

const meter = metrics_api.getMeter('sample-app');
const request_counter = meter.createCounter('http_requests_total', {
  description: 'Total number of HTTP requests',
});
const request_duration = meter.createHistogram('http_request_duration_seconds', {
  description: 'HTTP request duration in seconds',
  unit: 's',
  advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] },
});
const active_requests = meter.createUpDownCounter('http_active_requests', {
  description: 'Number of requests currently being processed',
});

function to_ms(seconds) {
  return Math.round(seconds * 100000) / 100;
}

http.route('GET', '/hello', [200], () =>
  in_span(tracer, 'process-hello', { 'app.greeting': 'world' }, async () => {
    const latency_s = random.uniform(0.01, 0.15);
    await pause_ms(latency_s * 1000);
    request_counter.add(1, { route: '/hello', method: 'GET', status: '200' });
    request_duration.record(latency_s, { route: '/hello' });
    log.info({ latency_ms: to_ms(latency_s) }, 'hello request processed');
    return { body: { message: 'Hello, Observability World!', latency_ms: to_ms(latency_s) } };
  }),
);

http.route('GET', '/error', [200, 500], async () => {
  active_requests.add(1);
  try {
    if (random.chance(faults.get('simulated_error_rate'))) {
      request_counter.add(1, { route: '/error', method: 'GET', status: '500' });
      log.error({ reason: 'random failure' }, 'simulated internal error');
      throw new HttpError(500, 'Simulated server error');
    }
    request_counter.add(1, { route: '/error', method: 'GET', status: '200' });
    return { body: { status: 'ok' } };
  } finally {
    active_requests.add(-1);
  }
});

http.route('GET', '/slow', [200], () =>
  in_span(tracer, 'slow-operation', {}, async (span) => {
    const latency_s = random.uniform(0.5, 2.0) + faults.get('downstream_delay_ms') / 1000;
    const query = { 'db.system': 'postgresql', 'db.statement': 'SELECT * FROM events' };
    await in_span(tracer, 'downstream-db-query', query, () => pause_ms(latency_s * 1000));
    span.setAttribute('total_latency_ms', to_ms(latency_s));
    request_counter.add(1, { route: '/slow', method: 'GET', status: '200' });
    request_duration.record(latency_s, { route: '/slow' });
    log.warn(
      { latency_s: Math.round(latency_s * 1000) / 1000, threshold_s: slow_threshold_s },
      'slow request detected',
    );
    return { body: { latency_ms: to_ms(latency_s) } };
  }),
);

await run();
