// What the page can ask for: the shop's faults, its load, and orders whose trace one can watch. Everything the page shows
// comes from the services and from Obelisk's own trace API; nothing is made up here.
import { randomBytes } from 'node:crypto';
import { percentile, large_orders_per_second } from '../load.mjs';
import { duration_ms, read_spans } from '../trace_tree.mjs';
import { faults_catalogue, service_names } from './faults_catalogue.mjs';

const request_timeout_ms = 15000;
const quick_timeout_ms = 3000;
const orders_kept_max = 50;
const rates_max = { small_orders: 50, large_orders: 50, sample_visits: 50 };

// A request that asks for something that is not there or not allowed; the page shows the message.
export class ControlError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class ShopControl {
  #load;
  #ports;
  #orders = new Map(); // trace id -> order, the oldest first
  #burst = { running: false, last: null };

  // ports: of the server, its OTLP over HTTP, and the five services.
  constructor({ load, ports }) {
    this.#load = load;
    this.#ports = ports;
  }

  get server_url() {
    return `http://127.0.0.1:${this.#ports.server}`;
  }

  async state() {
    const values = new Map();
    await Promise.all(
      Object.keys(service_names).map(async (service) => {
        values.set(service, await this.#faults_of(service).catch((error) => ({ error: error.message })));
      }),
    );
    return {
      server_url: this.server_url,
      faults: faults_catalogue.map((fault) => {
        const of_service = values.get(fault.service);
        return {
          ...fault,
          service_name: service_names[fault.service],
          value: of_service.error === undefined ? of_service[fault.name] : null,
          error: of_service.error ?? null,
        };
      }),
      load: { rates: this.#load.rates, counters: this.#load.counters },
      burst: this.#burst,
    };
  }

  async change_fault({ service, name, value }) {
    const known = faults_catalogue.some((fault) => fault.service === service && fault.name === name);
    if (!known) throw new ControlError(404, `no fault ${String(service)}.${String(name)}`);
    const response = await fetch(this.#url_of(service, '/faults'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ [name]: value }),
      signal: AbortSignal.timeout(quick_timeout_ms),
    });
    const body = await response.json();
    if (!response.ok) throw new ControlError(400, body.detail ?? `${service_names[service]} refused it`);
    return { value: body[name] };
  }

  change_load(rates) {
    for (const [name, rate] of Object.entries(rates)) {
      if (!Object.hasOwn(rates_max, name)) throw new ControlError(400, `no load is called ${name}`);
      if (typeof rate !== 'number' || !(rate >= 0 && rate <= rates_max[name])) {
        throw new ControlError(400, `${name} takes a number from 0 to ${rates_max[name]} a second`);
      }
    }
    if (rates.small_orders !== undefined) this.#load.set_small_order_rate(rates.small_orders);
    if (rates.large_orders !== undefined) this.#load.set_large_order_rate(rates.large_orders);
    if (rates.sample_visits !== undefined) this.#load.set_sample_rate(rates.sample_visits);
    return { rates: this.#load.rates };
  }

  // A hundred large orders within a second, then five a second: the story's incident. Answers before they are served.
  start_burst() {
    if (this.#burst.running) throw new ControlError(409, 'a burst is under way');
    this.#burst = { running: true, last: this.#burst.last };
    void this.#load.burst().then(({ statuses, seconds }) => {
      this.#load.set_large_order_rate(large_orders_per_second);
      this.#burst = {
        running: false,
        last: { statuses, p50_s: percentile(seconds, 0.5), p99_s: percentile(seconds, 0.99) },
      };
    });
    return { running: true };
  }

  // Sends one order with a trace of its own, and answers at once with the trace's id.
  place_order({ quantity }) {
    if (!Number.isInteger(quantity) || quantity < 1 || quantity > 20) {
      throw new ControlError(400, 'quantity takes a whole number from 1 to 20');
    }
    const order = {
      trace_id: randomBytes(16).toString('hex'),
      span_id: randomBytes(8).toString('hex'),
      item: quantity > 5 ? 'popular_item' : 'lamp',
      quantity,
      began_ms: Date.now(),
      answer: null, // {status, seconds, detail}
    };
    this.#orders.set(order.trace_id, order);
    if (this.#orders.size > orders_kept_max) this.#orders.delete(this.#orders.keys().next().value);
    void this.#send_order(order);
    const { trace_id, span_id, began_ms } = order;
    return { trace_id, span_id, began_ms };
  }

  // The order, and the spans that Obelisk has of it by now.
  async watch_order(trace_id) {
    const order = this.#orders.get(trace_id);
    if (!order) throw new ControlError(404, 'no such order; only the last fifty are kept');
    const response = await fetch(`${this.server_url}/api/v2/traces/${trace_id}`, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(quick_timeout_ms),
    });
    const found = response.ok ? read_spans(await response.json()) : [];
    if (!response.ok && response.status !== 404) {
      throw new ControlError(502, `Obelisk answered ${response.status} for the trace`);
    }
    const { span_id, item, quantity, began_ms, answer } = order;
    return { trace_id, span_id, item, quantity, began_ms, now_ms: Date.now(), answer, spans: rows_of(found, began_ms) };
  }

  #url_of(service, path) {
    return `http://127.0.0.1:${this.#ports[service]}${path}`;
  }

  async #faults_of(service) {
    const response = await fetch(this.#url_of(service, '/faults'), {
      signal: AbortSignal.timeout(quick_timeout_ms),
    });
    if (!response.ok) throw new Error(`${service_names[service]} answered ${response.status}`);
    return response.json();
  }

  async #send_order(order) {
    const started_ms = performance.now();
    let answer;
    try {
      const response = await fetch(this.#url_of('order', '/orders'), {
        method: 'POST',
        headers: { 'content-type': 'application/json', traceparent: `00-${order.trace_id}-${order.span_id}-01` },
        body: JSON.stringify({ item: order.item, quantity: order.quantity, price: 49.99 }),
        signal: AbortSignal.timeout(request_timeout_ms),
      });
      const body = await response.json().catch(() => ({}));
      answer = { status: response.status, detail: body.detail ?? body.status ?? '' };
    } catch (error) {
      answer = { status: 0, detail: error.name === 'TimeoutError' ? 'no answer in 15 s' : 'the shop does not answer' };
    }
    answer.seconds = (performance.now() - started_ms) / 1000;
    order.answer = answer;
    await this.#send_root_span(order).catch(() => {}); // the trace then lacks its root, and the page says so
  }

  // The customer's side of the order: without it the trace would have no root.
  async #send_root_span({ trace_id, span_id, item, quantity, began_ms, answer }) {
    const text = (key, value) => ({ key, value: { stringValue: value } });
    const number = (key, value) => ({ key, value: { intValue: String(value) } });
    const span = {
      traceId: trace_id,
      spanId: span_id,
      name: 'place an order',
      kind: 3, // client
      startTimeUnixNano: String(BigInt(began_ms) * 1000000n),
      endTimeUnixNano: String(BigInt(Math.round((began_ms + answer.seconds * 1000) * 1000)) * 1000n),
      attributes: [
        text('order.item', item),
        number('order.quantity', quantity),
        number('http.response.status_code', answer.status),
      ],
      status: answer.status >= 200 && answer.status < 300 ? {} : { code: 2, message: answer.detail },
    };
    await fetch(`http://127.0.0.1:${this.#ports.otlp_http}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        resourceSpans: [
          {
            resource: { attributes: [text('service.name', 'customer')] },
            scopeSpans: [{ scope: { name: 'demo page' }, spans: [span] }],
          },
        ],
      }),
      signal: AbortSignal.timeout(quick_timeout_ms),
    });
  }
}

// Spans in the order of a waterfall: a parent before its children, both by start. One whose parent has not come (it is
// still running: spans are sent when they end) stands at the top level and says so. Times from the order's beginning.
export function rows_of(spans, began_ms) {
  const ids = new Set(spans.map(({ span_id }) => span_id));
  const children = new Map();
  for (const span of spans.toSorted((left, right) => Number(left.start_ns - right.start_ns))) {
    const parent = ids.has(span.parent_id) ? span.parent_id : '';
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent).push(span);
  }
  const rows = [];
  const visited = new Set(); // ids that came twice, or in a circle, are shown once
  const walk = (parent, depth) => {
    for (const span of children.get(parent) ?? []) {
      if (visited.has(span.span_id)) continue;
      visited.add(span.span_id);
      rows.push({
        span_id: span.span_id,
        name: span.name,
        service: span.service,
        kind: span.kind,
        failed: span.failed,
        depth,
        parent_missing: span.parent_id !== '' && !ids.has(span.parent_id),
        start_ms: Number(span.start_ns - BigInt(began_ms) * 1000000n) / 1e6,
        duration_ms: duration_ms(span),
      });
      walk(span.span_id, depth + 1);
    }
  };
  walk('', 0);
  return rows;
}
