// What the page says about each fault of the shop, and which values its two buttons set. The services themselves decide
// what they accept; a test holds this list against what they declare.
export const faults_catalogue = [
  {
    service: 'inventory',
    name: 'slow_lookup',
    title: 'Slow lookup',
    what: 'The defect of the story: reserving more than 5 pieces takes 270 ms and more.',
    inject: true,
    fix: false,
  },
  {
    service: 'inventory',
    name: 'stock_check_delay_ms',
    title: 'Slow stock check',
    what: 'Every look at the stock waits.',
    inject: 400,
    fix: 0,
  },
  {
    service: 'payment',
    name: 'payment_failure_rate',
    title: 'Failing payments',
    what: 'This share of charges is refused. The shop starts with 5 %.',
    inject: 0.5,
    fix: 0,
  },
  {
    service: 'payment',
    name: 'payment_delay_ms',
    title: 'Slow payments',
    what: 'Every charge waits.',
    inject: 400,
    fix: 0,
  },
  {
    service: 'order',
    name: 'validation_delay_ms',
    title: 'Slow validation',
    what: 'Every order waits before anything else is done.',
    inject: 300,
    fix: 0,
  },
  {
    service: 'notification',
    name: 'notification_down',
    title: 'Notifications down',
    what: 'No customer is told; orders go through all the same.',
    inject: true,
    fix: false,
  },
  {
    service: 'notification',
    name: 'notification_delay_ms',
    title: 'Slow notifications',
    what: 'Telling a customer waits; after 500 ms the shop gives up on it.',
    inject: 700,
    fix: 0,
  },
  {
    service: 'sample',
    name: 'simulated_error_rate',
    title: 'Errors of the sample app',
    what: 'This share of visits to /error fails. The app starts with 50 %.',
    inject: 1,
    fix: 0,
  },
  {
    service: 'sample',
    name: 'downstream_delay_ms',
    title: 'Slow database of the sample app',
    what: 'Visits to /slow wait longer.',
    inject: 2000,
    fix: 0,
  },
];

export const service_names = {
  order: 'order-service',
  inventory: 'inventory-service',
  payment: 'payment-service',
  notification: 'notification-service',
  sample: 'sample-app',
};
