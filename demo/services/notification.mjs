// notification-service: tells the customer. Nobody waits for it.
import { HttpError } from './http_service.mjs';
import { create_service, pause_ms } from './service.mjs';

const { log, faults, random, http, run } = create_service({
  default_name: 'notification-service',
  default_port: 8004,
  faults: {
    notification_down: { kind: 'switch', initial: false },
    notification_delay_ms: { kind: 'delay_ms', initial: 0 },
  },
});

http.route('POST', '/notify', [200, 400, 503], async ({ body }) => {
  const { order_id, item } = body ?? {};
  if (typeof order_id !== 'string') throw new HttpError(400, 'order_id is missing');
  if (faults.get('notification_down')) {
    log.error({ order_id, item, error: 'mail gateway unreachable' }, 'notification_not_sent');
    throw new HttpError(503, 'Mail gateway unreachable');
  }
  await pause_ms(random.uniform(1, 3) + faults.get('notification_delay_ms'));
  log.info({ order_id, item }, 'notification_sent');
  return { body: { order_id, status: 'sent' } };
});

await run();
