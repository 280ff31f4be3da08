// The HTTP side that all services share: routes by template ("/stock/{item}/reserve"), JSON in and out, and for every
// service /metrics, /health and /faults. A request is timed and counted under its route template, its server span gets
// the template as http.route (and so the name "POST /stock/{item}/reserve"); quiet paths are neither.
// Ends cleanly on SIGTERM, SIGINT, or when the process that started it goes away (its end of standard input
// closes, if SHOP_EXIT_WITH_PARENT is set): no new requests, buffered telemetry sent, then exit.
// Bounds: a request body may have 64 KiB; an order needs 100 bytes.
import http from 'node:http';
import { context, trace } from '@opentelemetry/api';
import { getRPCMetadata } from '@opentelemetry/core';
import { FaultError } from './faults.mjs';

const body_bytes_max = 64 * 1024;
const stop_deadline_ms = 4000;

// An answer that is not a success, thrown by handlers.
export class HttpError extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export class HttpService {
  #log;
  #metrics;
  #faults;
  #routes = [];
  #server = http.createServer((request, response) => this.#answer(request, response));

  // metrics may be null for a service that exports them another way.
  constructor({ log, metrics, faults }) {
    this.#log = log;
    this.#metrics = metrics;
    this.#faults = faults;
    this.#quiet_route('GET', '/health', () => ({ body: { status: 'healthy' } }));
    this.#quiet_route('GET', '/faults', () => ({ body: faults.all() }));
    this.#quiet_route('POST', '/faults', ({ body }) => this.#change_faults(body));
    if (metrics) {
      this.#quiet_route('GET', '/metrics', async () => ({
        text: await metrics.expose(),
        content_type: metrics.content_type,
      }));
    }
  }

  // handler({params, body, response}) gives {status = 200, body} or throws HttpError. statuses are the answers to expect.
  route(method, template, statuses, handler) {
    this.#routes.push({ method, template, pattern: pattern_of(template), handler, quiet: false });
    this.#metrics?.declare_endpoint(method, template, statuses);
  }

  #quiet_route(method, template, handler) {
    this.#routes.push({ method, template, pattern: pattern_of(template), handler, quiet: true });
  }

  #change_faults(body) {
    try {
      const values = this.#faults.change(body);
      this.#log.info({ faults: values }, 'faults_changed');
      return { body: values };
    } catch (error) {
      if (error instanceof FaultError) throw new HttpError(400, error.message);
      throw error;
    }
  }

  async #answer(request, response) {
    const started_ns = process.hrtime.bigint();
    const { route, params } = this.#find(request);
    const observed = !route?.quiet;
    const span = trace.getActiveSpan();
    if (route && observed) {
      const rpc_metadata = getRPCMetadata(context.active());
      if (rpc_metadata) rpc_metadata.route = route.template;
    }
    if (observed && this.#metrics) {
      response.once('close', () => {
        this.#metrics.observe_request({
          method: request.method,
          endpoint: route?.template ?? 'unknown',
          http_status: response.statusCode,
          seconds: Number(process.hrtime.bigint() - started_ns) / 1e9,
          span,
        });
      });
    }
    const answer = await this.#handle(route, params, request, response, span);
    send(response, answer);
  }

  async #handle(route, params, request, response, span) {
    try {
      if (!route) throw new HttpError(404, `no such route: ${request.method} ${request.url}`);
      const body = request.method === 'POST' ? await read_json(request) : undefined;
      return await route.handler({ params, body, response });
    } catch (error) {
      if (error instanceof HttpError) return { status: error.status, body: { detail: error.message } };
      span?.recordException(error);
      this.#log.error({ error: error.message, stack: error.stack }, 'unhandled_error');
      return { status: 500, body: { detail: 'internal error' } };
    }
  }

  #find(request) {
    const path = request.url.split('?', 1)[0];
    for (const route of this.#routes) {
      if (route.method !== request.method) continue;
      const found = route.pattern.exec(path);
      if (found) return { route, params: decode_params(found.groups) };
    }
    return { route: null, params: {} };
  }

  // Listens on the loopback only; stop_others() ends telemetry and log shipping.
  async run(port, stop_others) {
    await new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    this.#log.info({ port: this.#server.address().port }, 'service_started');
    let stopping = false;
    const stop = async () => {
      if (stopping) return;
      stopping = true;
      setTimeout(() => process.exit(1), stop_deadline_ms).unref();
      this.#log.info('service_stopping');
      const closed = new Promise((resolve) => this.#server.close(resolve));
      this.#server.closeIdleConnections();
      // Callers keep connections open between requests; what is still being answered gets a moment.
      setTimeout(() => this.#server.closeAllConnections(), 500).unref();
      await closed;
      await stop_others();
      process.exit(0);
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    if (process.env.SHOP_EXIT_WITH_PARENT) {
      process.stdin.on('end', stop).on('error', stop).resume();
    }
  }
}

function pattern_of(template) {
  const escaped = template.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`);
}

function decode_params(groups = {}) {
  const params = {};
  for (const [name, text] of Object.entries(groups)) {
    try {
      params[name] = decodeURIComponent(text);
    } catch {
      params[name] = text; // a broken escape is taken literally: it names no item anyway
    }
  }
  return params;
}

async function read_json(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > body_bytes_max) throw new HttpError(413, `the body may have ${body_bytes_max} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new HttpError(400, `the body is not JSON: ${error.message}`);
  }
}

function send(response, { status = 200, body, text, content_type = 'application/json' }) {
  if (response.destroyed || response.writableEnded) return; // the caller went away
  const payload = text ?? JSON.stringify(body);
  response.writeHead(status, { 'content-type': content_type, 'content-length': Buffer.byteLength(payload) });
  response.end(payload);
}
