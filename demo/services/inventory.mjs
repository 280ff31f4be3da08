// inventory-service: stock levels and reservations. Holds the planted defect: slow_lookup takes 270 ms and more for
// high-demand reservations (quantity > 5). Switching the fault slow_lookup off is the fix: constant time whatever the
// demand. Logs at INFO only: it is slow, it does not fail.
import { HttpError } from './http_service.mjs';
import { create_service, in_span, pause_ms } from './service.mjs';

const high_demand_above = 5;
const stock = new Map([
  ['popular_item', 100000],
  ['book', 5000],
  ['lamp', 800],
  ['rare_item', 3],
]);
const stock_of_others = 100;

const { log, faults, random, tracer, http, run } = create_service({
  default_name: 'inventory-service',
  default_port: 8002,
  faults: {
    slow_lookup: { kind: 'switch', initial: true },
    stock_check_delay_ms: { kind: 'delay_ms', initial: 0 },
  },
});

// Reservations do not use the stock up: the shop restocks overnight, and a demonstration has no nights.
function available(item) {
  return stock.get(item) ?? stock_of_others;
}

http.route('GET', '/stock/{item}', [200], async ({ params }) => {
  await pause_ms(random.uniform(1, 4) + faults.get('stock_check_delay_ms'));
  log.info({ item: params.item, available: available(params.item) }, 'stock_checked');
  return { body: { item: params.item, available: available(params.item) } };
});

http.route('POST', '/stock/{item}/reserve', [200, 400, 409], async ({ params, body }) => {
  const item = params.item;
  const quantity = body?.quantity;
  if (!Number.isInteger(quantity) || quantity <= 0) throw new HttpError(400, 'Quantity must be positive');
  const attributes = { 'inventory.item': item, 'inventory.quantity': quantity };
  return in_span(tracer, 'reserve_stock', attributes, async () => {
    await slow_lookup(item, quantity);
    if (available(item) < quantity) throw new HttpError(409, 'Insufficient stock');
    log.info({ item, quantity }, 'stock_reserved');
    return { body: { item, reserved: quantity } };
  });
});

function slow_lookup(item, quantity) {
  const demand = quantity > high_demand_above ? 'high' : 'normal';
  const attributes = { 'inventory.demand': demand, 'inventory.item': item, 'inventory.quantity': quantity };
  return in_span(tracer, 'slow_lookup', attributes, () => pause_ms(lookup_ms(demand)));
}

function lookup_ms(demand) {
  if (!faults.get('slow_lookup')) return 20 + random.uniform(0, 10);
  return (demand === 'high' ? 270 : 20) + random.uniform(0, 30);
}

await run();
