// payment-service: charges a card in about 15 ms. Five in a hundred charges fail, answered with 502, as they always
// have: the defect that was there before the incident and stays after it.
import { HttpError } from './http_service.mjs';
import { create_service, pause_ms } from './service.mjs';

const { log, faults, random, http, run } = create_service({
  default_name: 'payment-service',
  default_port: 8003,
  faults: {
    payment_failure_rate: { kind: 'probability', initial: 0.05 },
    payment_delay_ms: { kind: 'delay_ms', initial: 0 },
  },
});

http.route('POST', '/charges', [200, 400, 502], async ({ body }) => {
  const { item, amount } = body ?? {};
  if (typeof amount !== 'number' || !(amount >= 0)) throw new HttpError(400, 'Amount must be non-negative');
  const fails = random.chance(faults.get('payment_failure_rate'));
  await pause_ms(8 + random.uniform(0, 8) + faults.get('payment_delay_ms'));
  if (fails) {
    log.warn({ item, amount, reason: 'declined by processor' }, 'charge_declined');
    throw new HttpError(502, 'Payment failed');
  }
  log.info({ item, amount }, 'payment_charged');
  return { body: { item, charged: amount } };
});

await run();
