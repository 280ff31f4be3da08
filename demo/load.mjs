// The customers of the shop. As a library for run.mjs and story.mjs, and as a command:
//   node load.mjs trickle [--rate 3]            small orders and visits of the sample app, until Ctrl-C
//   node load.mjs burst [--count 100] [--spread 1] [--large-rate 5]
//                                               100 orders of quantity 6 to 10 in one second, none waiting for
//                                               another, then 5 a second until Ctrl-C
// Both take --order-url, --sample-url and --seed. Arrivals do not wait for answers, as customers do not; at most
// outstanding_max requests are open, and what would go beyond is counted as skipped.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { Random } from './services/random.mjs';
import { fixed_ports } from './stack/ports.mjs';

const outstanding_max = 500;
const request_timeout_ms = 15000;

// What the seeds' incident is made of.
export const burst_orders = 100;
// A shell loop that starts 100 curls in the background takes about a second to do so.
export const burst_spread_seconds = 1;
export const large_orders_per_second = 5;

const small_items = ['book', 'lamp', 'popular_item', 'popular_item'];
const sample_routes = ['/hello', '/hello', '/hello', '/hello', '/error', '/slow'];

export class Load {
  #order_url;
  #sample_url;
  #random;
  #timers = new Map();
  #outstanding = new Set();
  rates = { small_orders: 0, large_orders: 0, sample_visits: 0 }; // a second, as set
  counters = { small_orders: 0, large_orders: 0, sample_visits: 0, skipped: 0, unanswered: 0 };

  constructor({ order_url, sample_url, seed = 1 }) {
    this.#order_url = order_url;
    this.#sample_url = sample_url;
    this.#random = new Random(`${seed}/load`);
  }

  // A steady trickle of orders of one to four pieces. A rate of 0 stops it.
  set_small_order_rate(per_second) {
    this.#set_rate('small_orders', per_second, () =>
      this.#order(this.#random.pick(small_items), this.#random.integer(1, 4)),
    );
  }

  // Orders that take the slow path of inventory-service (quantity > 5).
  set_large_order_rate(per_second) {
    this.#set_rate('large_orders', per_second, () => this.#large_order());
  }

  set_sample_rate(per_second) {
    this.#set_rate('sample_visits', per_second, () =>
      this.#request('GET', `${this.#sample_url}${this.#random.pick(sample_routes)}`),
    );
  }

  // Many large orders, sent one after the other within spread_seconds whatever becomes of the earlier ones. Gives
  // {statuses: {201: n, ...}, seconds: [sorted]} when all are answered.
  async burst({ count = burst_orders, spread_seconds = burst_spread_seconds } = {}) {
    const answers = [];
    const begun_ms = performance.now();
    for (let index = 0; index < count; index++) {
      const due_ms = begun_ms + (index * spread_seconds * 1000) / count;
      const early_ms = due_ms - performance.now();
      if (early_ms > 0) await new Promise((resolve) => setTimeout(resolve, early_ms));
      this.counters.large_orders++;
      answers.push(this.#large_order());
    }
    const statuses = {};
    const seconds = [];
    for (const answer of await Promise.all(answers)) {
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      seconds.push(answer.seconds);
    }
    return { statuses, seconds: seconds.sort((left, right) => left - right) };
  }

  // No new requests; those under way are waited for.
  async stop() {
    for (const timer of this.#timers.values()) clearInterval(timer);
    this.#timers.clear();
    await Promise.allSettled([...this.#outstanding]);
  }

  #set_rate(counter, per_second, send) {
    clearInterval(this.#timers.get(counter));
    this.#timers.delete(counter);
    this.rates[counter] = Math.max(0, per_second);
    if (per_second <= 0) return;
    const tick = () => {
      if (this.#outstanding.size >= outstanding_max) {
        this.counters.skipped++;
        return;
      }
      this.counters[counter]++;
      send();
    };
    this.#timers.set(counter, setInterval(tick, 1000 / per_second));
  }

  #large_order() {
    return this.#order('popular_item', this.#random.integer(6, 10));
  }

  #order(item, quantity) {
    return this.#request('POST', `${this.#order_url}/orders`, { item, quantity, price: 49.99 });
  }

  // Never rejects: {status, seconds}, status 0 when there was no answer.
  #request(method, url, body) {
    const started_ms = performance.now();
    const answer = fetch(url, {
      method,
      headers: body ? { 'content-type': 'application/json' } : {},
      body: body ? JSON.stringify(body) : undefined,
      signal: AbortSignal.timeout(request_timeout_ms),
    })
      .then(async (response) => {
        await response.arrayBuffer();
        return response.status;
      })
      .catch(() => {
        this.counters.unanswered++;
        return 0;
      })
      .then((status) => {
        this.#outstanding.delete(answer);
        return { status, seconds: (performance.now() - started_ms) / 1000 };
      });
    this.#outstanding.add(answer);
    return answer;
  }
}

export function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];
}

async function command_line() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rate: { type: 'string', default: '3' },
      count: { type: 'string', default: String(burst_orders) },
      spread: { type: 'string', default: String(burst_spread_seconds) },
      'large-rate': { type: 'string', default: String(large_orders_per_second) },
      'order-url': { type: 'string', default: `http://127.0.0.1:${fixed_ports.order}` },
      'sample-url': { type: 'string', default: `http://127.0.0.1:${fixed_ports.sample}` },
      seed: { type: 'string', default: '1' },
    },
  });
  const number = (name) => {
    const value = Number(values[name]);
    if (!(value >= 0 && value <= 10000))
      throw new Error(`--${name} takes a number from 0 to 10000, not "${values[name]}"`);
    return value;
  };
  const load = new Load({
    order_url: values['order-url'],
    sample_url: values['sample-url'],
    seed: values.seed,
  });
  process.once('SIGINT', async () => {
    await load.stop();
    console.log(load.counters);
  });
  if (positionals[0] === 'trickle' && positionals.length === 1) {
    load.set_small_order_rate(number('rate'));
    load.set_sample_rate(number('rate') / 3);
    console.log(`${number('rate')} small orders a second; Ctrl-C ends`);
  } else if (positionals[0] === 'burst' && positionals.length === 1) {
    const { statuses, seconds } = await load.burst({
      count: number('count'),
      spread_seconds: number('spread'),
    });
    const [p50, p99] = [0.5, 0.99].map((share) => percentile(seconds, share)?.toFixed(3));
    console.log(`answers ${JSON.stringify(statuses)}, p50 ${p50} s, p99 ${p99} s`);
    load.set_large_order_rate(number('large-rate'));
    console.log(`${number('large-rate')} large orders a second keep arriving; Ctrl-C ends`);
  } else {
    throw new Error('usage: node load.mjs trickle|burst [--order-url URL] [--sample-url URL] [--seed N] ...');
  }
}

if (process.argv[1] === import.meta.filename) {
  command_line().catch((error) => {
    console.error(error.message);
    process.exitCode = 2;
  });
}
