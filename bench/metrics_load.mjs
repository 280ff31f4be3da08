// The load of the metrics bench: 100 targets x 25 metrics x 10 paths x 4 codes, five labels each, a sample every 15 s:
// 40 % counters, 12 % slow counters, 20 % two-decimal gauges, 8 % noise of full precision, 20 % constants. Deterministic.
// Requests are remote write 1.0 in literal snappy; only values and times are rewritten from step to step.

export const stepMillis = 15_000;
export const seriesPerRequest = 5_000;
const kinds = [...'ccccccccccsssgggggffkkkkk'];
const jobs = ['api', 'node', 'db', 'cache'];
const codes = ['200', '404', '500', '503'];
const metricName = {
  c: (m) => `app_requests_${m}_total`, s: (m) => `app_errors_${m}_total`, g: (m) => `app_load_${m}_ratio`,
  f: (m) => `app_temp_${m}_celsius`, k: (m) => `app_config_${m}_info`,
};
export const metricNames = kinds.map((kind, metric) => metricName[kind](metric));

// mulberry32
function randomSource(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function varint(value) {
  const bytes = [];
  let rest = BigInt(value);
  while (rest > 127n) { bytes.push(Number(rest & 127n) | 128); rest >>= 7n; }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
const field = (tag, bytes) => Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes]);
const label = ([name, value]) => field(0x0a, Buffer.concat([field(0x0a, Buffer.from(name)), field(0x12, Buffer.from(value))]));

export class MetricsLoad {
  // `generation` renames the targets, as a deploy renames every pod.
  constructor({ targets = 100, seed = 42 } = {}) {
    this.random = randomSource(seed);
    this.targets = targets;
    this.count = targets * 1000;
    this.kinds = [];
    this.values = new Float64Array(this.count);
    let i = 0;
    for (let target = 0; target < targets; ++target) {
      kinds.forEach((kind, metric) => {
        for (let rest = 0; rest < 40; ++rest, ++i) {
          this.kinds.push(kind);
          const r = this.random();
          this.values[i] = kind === 'c' || kind === 's' ? Math.floor(r * 1e6) : kind === 'g' ? Math.round(r * 10_000) / 100
            : kind === 'f' ? r * 100 : metric;
        }
      });
    }
    this.rename(0);
  }

  labelsOf(number, generation) {
    const target = Math.floor(number / 1000), metric = Math.floor(number / 40) % 25;
    const instance = `host-${String(target).padStart(3, '0')}:9100`;
    return [['__name__', metricName[kinds[metric]](metric)], ['code', codes[number % 4]],
      ['instance', generation ? `${instance}-${generation}` : instance], ['job', jobs[target % 4]],
      ['path', `/api/v1/resource${Math.floor(number / 4) % 10}`]];
  }

  rename(generation) {
    this.requests = [];
    for (let first = 0; first < this.count; first += seriesPerRequest) {
      const parts = [], valueAt = [];
      let size = 0;
      for (let i = first; i < Math.min(first + seriesPerRequest, this.count); ++i) {
        const labels = Buffer.concat(this.labelsOf(i, generation).map(label));
        // 12 10: a sample of 16 bytes; 09 value, 10 time (six bytes for any time of this century)
        const head = Buffer.concat([Buffer.from([0x0a]), varint(labels.length + 2 + 16), labels, Buffer.from([0x12, 0x10, 0x09])]);
        parts.push(head, Buffer.alloc(8 + 1 + 6));
        valueAt.push(size + head.length);
        size += head.length + 15;
      }
      this.requests.push({ first, plain: Buffer.concat(parts), valueAt });
    }
  }

  advance() {
    const { random, values, kinds: all } = this;
    for (let i = 0; i < this.count; ++i) {
      switch (all[i]) {
        case 'c': values[i] += Math.floor(random() * 50); break;
        case 's': if (random() < 0.05) values[i] += 1; break;
        case 'g': values[i] = Math.round((values[i] + random() - 0.5) * 100) / 100; break;
        case 'f': values[i] += Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()); break;
        default:
      }
    }
  }

  // The bodies of one step.
  bodies(timeMillis) {
    const time = Buffer.concat([Buffer.from([0x10]), varint(timeMillis)]);
    if (time.length !== 7) throw new Error('a time outside this century');
    return this.requests.map(({ first, plain, valueAt }) => {
      const view = new DataView(plain.buffer, plain.byteOffset, plain.length);
      valueAt.forEach((at, i) => {
        view.setFloat64(at, this.values[first + i], true);
        plain.set(time, at + 8);
      });
      return snappy(plain);
    });
  }

  // The exposition page of all series.
  page() {
    const lines = [];
    for (let i = 0; i < this.count; ++i) {
      const [[, name], ...rest] = this.labelsOf(i, 0);
      lines.push(`${name}{${rest.map(([key, value]) => `${key}="${value}"`).join(',')}} ${this.values[i]}`);
    }
    return Buffer.from(lines.join('\n') + '\n');
  }
}

// A request whose series no other request has: what a label with a request id in it looks like to a server.
export function hostileRequest(number, count, timeMillis) {
  const parts = [];
  for (let i = 0; i < count; ++i) {
    const id = String(number * count + i).padStart(12, '0');
    const labels = Buffer.concat([['__name__', `hostile_${i % 50}`], ['instance', 'host:9100'], ['job', 'hostile'], ['request_id', id]].map(label));
    const value = Buffer.alloc(8);
    value.writeDoubleLE(i);
    const time = Buffer.concat([Buffer.from([0x10]), varint(timeMillis)]);
    parts.push(Buffer.from([0x0a]), varint(labels.length + 2 + 9 + time.length), labels, Buffer.from([0x12, 9 + time.length, 0x09]), value, time);
  }
  return snappy(Buffer.concat(parts));
}

// Samples of many days, a day a request: `series` counters (that restart now and then) and as many gauges, a sample each
// `step`. Deterministic.
export class DaysLoad {
  constructor({ series = 20, step = 15_000, seed = 7 } = {}) {
    this.random = randomSource(seed);
    this.step = step;
    this.perDay = 86_400_000 / step;
    this.series = Array.from({ length: 2 * series }, (_, i) => ({
      counter: i < series, value: Math.floor(this.random() * 1000),
      labels: Buffer.concat([['__name__', i < series ? 'days_requests_total' : 'days_load_ratio'],
        ['instance', `host-${String(i % series).padStart(3, '0')}:9100`], ['job', jobs[i % 4]]].map(label)),
    }));
    this.samplesPerDay = this.series.length * this.perDay;
  }

  // Samples half a step off midnight, so that none lies on the edge of a bucket.
  day(midnightMillis) {
    const parts = [];
    for (const one of this.series) {
      const samples = Buffer.alloc(this.perDay * 18);
      for (let i = 0; i < this.perDay; ++i) {
        if (one.counter) one.value = this.random() < 0.0002 ? 0 : one.value + Math.floor(this.random() * 50);
        else one.value = Math.round((one.value + this.random() - 0.5) * 100) / 100;
        const at = i * 18;
        samples.set([0x12, 0x10, 0x09], at);
        samples.writeDoubleLE(one.value, at + 3);
        samples[at + 11] = 0x10;
        samples.set(varint(midnightMillis + this.step / 2 + i * this.step), at + 12);
      }
      parts.push(Buffer.from([0x0a]), varint(one.labels.length + samples.length), one.labels, samples);
    }
    return snappy(Buffer.concat(parts));
  }
}

function snappy(plain) {
  const parts = [varint(plain.length)];
  for (let at = 0; at < plain.length; at += 65536) {
    const piece = plain.subarray(at, at + 65536);
    parts.push(Buffer.from([0xf4, (piece.length - 1) & 255, (piece.length - 1) >> 8]), piece);
  }
  return Buffer.concat(parts);
}
