// order-service: takes POST /orders and leads each order through validation, stock check, reservation, payment and
// notification. Answers 201, 400 (bad order), 409 (not enough stock), 502 (a service behind it failed).
import { randomUUID } from 'node:crypto';
import { HttpError } from './http_service.mjs';
import { create_service, in_span, pause_ms } from './service.mjs';

const inventory_url = process.env.INVENTORY_SERVICE_URL ?? 'http://127.0.0.1:8002';
const payment_url = process.env.PAYMENT_SERVICE_URL ?? 'http://127.0.0.1:8003';
const notification_url = process.env.NOTIFICATION_SERVICE_URL ?? 'http://127.0.0.1:8004';
const call_timeout_ms = 10000;
const notification_timeout_ms = 500;

const { log, metrics, faults, random, tracer, http, run } = create_service({
  default_name: 'order-service',
  default_port: 8001,
  faults: { validation_delay_ms: { kind: 'delay_ms', initial: 0 } },
});
const orders_in_flight = metrics.gauge('orders_in_flight', 'Orders taken and not yet answered.');

http.route('POST', '/orders', [201, 400, 409, 502], async ({ body }) => {
  orders_in_flight.inc();
  try {
    return await create_order(body);
  } finally {
    orders_in_flight.dec();
  }
});

async function create_order(order) {
  const { item, quantity, price } = order ?? {};
  return in_span(tracer, 'process_order', {}, async (span) => {
    if (typeof item === 'string') span.setAttribute('order.item', item);
    if (typeof quantity === 'number') span.setAttribute('order.quantity', quantity);
    try {
      await in_span(tracer, 'validate_order', {}, () => validate(item, quantity, price));
      await in_span(tracer, 'check_inventory', {}, () => check_inventory(item, quantity));
      await in_span(tracer, 'reserve_inventory', {}, () => reserve_inventory(item, quantity));
      await in_span(tracer, 'charge_payment', {}, () => charge_payment(item, price * quantity));
    } catch (error) {
      report_failure(error, item, quantity);
      throw error;
    }
    const order_id = randomUUID();
    span.setAttribute('order.id', order_id);
    send_notification(order_id, item); // not awaited: the answer does not wait for it
    log.info({ item, quantity, order_id }, 'order_created');
    return { status: 201, body: { order_id, status: 'created' } };
  });
}

async function validate(item, quantity, price) {
  await pause_ms(random.uniform(0.5, 2) + faults.get('validation_delay_ms'));
  if (typeof item !== 'string' || item === '') throw new HttpError(400, 'Item must be a name');
  if (!Number.isInteger(quantity)) throw new HttpError(400, 'Quantity must be a whole number');
  if (quantity <= 0) throw new HttpError(400, 'Quantity must be positive');
  if (typeof price !== 'number' || !Number.isFinite(price))
    throw new HttpError(400, 'Price must be a number');
  if (price < 0) throw new HttpError(400, 'Price must be non-negative');
}

async function check_inventory(item, quantity) {
  const response = await call('GET', `${inventory_url}/stock/${encodeURIComponent(item)}`);
  if (response.status !== 200) throw new HttpError(502, 'Inventory check failed');
  if (response.body.available < quantity) throw new HttpError(409, 'Insufficient stock');
}

async function reserve_inventory(item, quantity) {
  const response = await call('POST', `${inventory_url}/stock/${encodeURIComponent(item)}/reserve`, {
    quantity,
  });
  if (response.status !== 200) throw new HttpError(502, 'Inventory reserve failed');
}

async function charge_payment(item, amount) {
  const response = await call('POST', `${payment_url}/charges`, { item, amount });
  if (response.status !== 200) throw new HttpError(502, 'Payment failed');
}

// A notification that cannot be sent does not fail the order; the span and a warning tell of it.
function send_notification(order_id, item) {
  in_span(tracer, 'send_notification', { 'order.id': order_id }, async () => {
    const response = await call(
      'POST',
      `${notification_url}/notify`,
      { order_id, item },
      notification_timeout_ms,
    );
    if (response.status !== 200) throw new Error(`notification answered ${response.status}`);
  }).catch((error) => log.warn({ order_id, error: error.message }, 'notification_failed'));
}

function report_failure(error, item, quantity) {
  const fields = { item, quantity, error: error.message.toLowerCase() };
  if (error instanceof HttpError && error.status < 500) log.warn(fields, 'order_rejected');
  else log.error(fields, 'order_processing_failed');
}

// Calls another service; fetch carries the W3C trace context. No connection, or none in time, is a 503 without a body.
async function call(method, url, body, timeout_ms = call_timeout_ms) {
  let response;
  try {
    response = await fetch(url, {
      method,
      headers: body ? { 'content-type': 'application/json' } : {},
      body: body ? JSON.stringify(body) : undefined,
      signal: AbortSignal.timeout(timeout_ms),
    });
    return { status: response.status, body: await response.json() };
  } catch (error) {
    const cause = error.cause?.code ?? error.name;
    log.warn({ url, error: `${error.message} (${cause})` }, 'call_failed');
    return { status: 503, body: null };
  }
}

await run();
