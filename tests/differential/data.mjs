// The generated load: the metrics of the compliance suite's demo service from three instances, every five seconds,
// with gaps, stale markers, counter resets and classic histograms. Everything follows from the seed.
//
// Two rules keep differences between Prometheus 2.42 and 3.x out that are no fault of either (see exclusions.mjs):
// * no sample lies at a whole second nor at .300 or .700 of one, where windows begin and end: whether a window
//   has its left edge changed in 3.0;
// * gauges are multiples of 1/64 and below 2^36, so that sums are exact however they are summed; counters start
//   high above zero, so that rate() never meets the zero that it must not extrapolate past.
import { Message, snappyLiterals } from '../../bench/protobuf.mjs';
import { Random } from './random.mjs';

export const stepMs = 5000;
export const instances = ['demo.promlabs.com:10000', 'demo.promlabs.com:10001', 'demo.promlabs.com:10002'];
const STALE = 0x7ff0000000000002n;
const offsetsMs = [137, 211, 433];  // of each instance's samples into their second

const round64 = (value) => Math.round(value * 64) / 64;

class Gauge {
  constructor(random, start, spread) { this.random = random; this.value = start; this.spread = spread; }
  next() { this.value = Math.max(0, round64(this.value + (this.random.float() - 0.5) * this.spread)); return this.value; }
}
class Counter {
  constructor(random, pace, resetsEvery) {
    Object.assign(this, { random, pace, resetsEvery });
    this.value = this.base();
  }
  base() { return Math.floor(this.pace * 20000 + this.random.float() * 1000); }
  next() {
    if (this.random.float() < 1 / this.resetsEvery) this.value = this.base();
    else this.value += Math.floor(this.random.float() * this.pace * 2);
    return this.value;
  }
}

// Series of one instance: {labels, next(step)}; next gives a number, null (no sample) or 'stale'.
function seriesOf(instance, random) {
  const all = [];
  const add = (name, labels, next) => all.push({ labels: { __name__: name, instance, job: 'demo', ...labels }, next });
  const gauge = (name, labels, start, spread) => { const g = new Gauge(random, start, spread); add(name, labels, () => g.next()); };
  const counter = (name, labels, pace, resetsEvery = 1e9) => { const c = new Counter(random, pace, resetsEvery); add(name, labels, () => c.next()); };

  for (const type of ['buffers', 'cached', 'free', 'used']) gauge('demo_memory_usage_bytes', { type }, 1e9 * (1 + random.float()), 5e7);
  add('demo_num_cpus', {}, () => 4);
  for (const mode of ['idle', 'system', 'user']) counter('demo_cpu_usage_seconds_total', { mode }, 40, 400);
  gauge('demo_disk_usage_bytes', {}, 5e9, 1e7);
  add('demo_disk_total_bytes', {}, () => 2 ** 35);
  gauge('demo_batch_last_run_duration_seconds', {}, 20, 8);
  let last = 1.6e9;
  add('demo_batch_last_success_timestamp_seconds', {}, (step, seconds) => { if (random.float() < 0.05) last = Math.floor(seconds); return last; });
  gauge('demo_api_http_requests_in_progress', {}, 12, 6);
  counter('demo_items_shipped_total', {}, 7, 250);
  add('demo_is_holiday', {}, () => (random.float() < 0.5 ? 1 : 0));
  // There and away again: ends marked, and ends unmarked that only the lookback closes.
  let up = true;
  add('demo_intermittent_metric', {}, () => {
    const change = random.float() < 0.06;
    if (change) { up = !up; return up ? 1 : (random.float() < 0.6 ? 'stale' : null); }
    return up ? 1 : null;
  });
  // Numbers that arithmetic has to be careful with.
  const odd = [0, -0, 1, -1, 0.5, -2.5, NaN, Infinity, -Infinity, 1e-300, 3, 64, 1e15, 1e20, -7];
  add('demo_odd_values', {}, () => odd[random.below(odd.length)]);
  add('demo_constant_odd', { kind: 'nan' }, () => NaN);
  add('demo_constant_odd', { kind: 'inf' }, () => Infinity);
  add('demo_constant_odd', { kind: 'small' }, () => random.below(4));
  // Classic histograms.
  for (const method of ['GET', 'POST']) {
    for (const status of ['200', '500']) {
      const labels = { method, path: '/api/foo', status };
      const bounds = ['0.0001', '0.001', '0.01', '0.1', '1', '10', '+Inf'];
      const counts = bounds.map(() => 20000);
      let sum = 50000;
      const advance = () => { for (let i = 0; i < bounds.length; ++i) counts[i] += random.below(5); sum += random.below(640) / 64; };
      bounds.forEach((le, i) => add('demo_api_request_duration_seconds_bucket', { ...labels, le }, () => {
        if (i === 0) advance();
        return counts.slice(0, i + 1).reduce((a, b) => a + b, 0);
      }));
      add('demo_api_request_duration_seconds_count', labels, () => counts.reduce((a, b) => a + b, 0));
      add('demo_api_request_duration_seconds_sum', labels, () => sum);
    }
  }
  return all;
}

function sampleMessage(value, timeMs) {
  const sample = new Message();
  if (value === 'stale') sample.fixed64(1, STALE); else sample.double(1, value);
  return sample.varint(2, BigInt(timeMs));
}

// Remote-write bodies in the order they are to be sent. `startSeconds` is a whole second.
export function* writeRequests(seed, startSeconds, steps) {
  const random = new Random(seed);
  const all = instances.flatMap((instance, number) => seriesOf(instance, random).map((one) => ({ ...one, number })));
  const gaps = all.map(() => 0);
  const piece = 48;
  for (let begin = 0; begin < steps; begin += piece) {
    const pending = all.map(() => []);
    for (let step = begin; step < Math.min(steps, begin + piece); ++step) {
      const seconds = startSeconds + (step * stepMs) / 1000;
      all.forEach((one, i) => {
        const value = one.next(step, seconds);
        // Now and then a series is not scraped for a while; what it would have counted is counted.
        if (gaps[i] > 0) { gaps[i] -= 1; return; }
        if (random.float() < 0.002) { gaps[i] = random.below(90); if (random.float() < 0.5) pending[i].push(sampleMessage('stale', seconds * 1000 + offsetsMs[one.number])); return; }
        if (value !== null) pending[i].push(sampleMessage(value, seconds * 1000 + offsetsMs[one.number]));
      });
    }
    const write = new Message();
    all.forEach((one, i) => {
      if (pending[i].length === 0) return;
      const series = new Message();
      for (const name of Object.keys(one.labels).sort()) series.message(1, new Message().bytes(1, name).bytes(2, one.labels[name]));
      for (const sample of pending[i]) series.message(2, sample);
      write.message(1, series);
    });
    yield snappyLiterals(write.finish());
  }
}
