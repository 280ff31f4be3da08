// Seeded randomness of the shop: the same SHOP_SEED and service name give the same sequence of numbers, so a
// run can be repeated. Each service has its own sequence; which request gets which number depends on the order of arrival.

// FNV-1a over UTF-16 code units, to spread similar seeds ("7/order-service", "7/payment-service") over 32 bits.
function hash_text(text) {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

// The mulberry32 generator: 32 bits of state are plenty for latencies and coin flips.
export class Random {
  #state;

  constructor(seed) {
    this.#state = hash_text(String(seed));
  }

  // Uniform in [0, 1).
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  // Uniform in [low, high).
  uniform(low, high) {
    return low + (high - low) * this.next();
  }

  // A whole number in [low, high], both ends included.
  integer(low, high) {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[Math.floor(this.next() * list.length)];
  }
}

export function random_of_service(service_name) {
  return new Random(`${process.env.SHOP_SEED ?? '1'}/${service_name}`);
}
