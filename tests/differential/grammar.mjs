// Random PromQL that type-checks: each function makes an expression of one type, no deeper than it is told.
// Only what Prometheus 2.42 knows too. Durations are whole seconds and `@` times end in .300, see data.mjs.
// A subquery never stands inside another: the inner one's points would lie on the edges of the outer's windows.
const metrics = [
  ['demo_memory_usage_bytes', { type: ['buffers', 'cached', 'free', 'used'] }], ['demo_num_cpus', {}],
  ['demo_cpu_usage_seconds_total', { mode: ['idle', 'system', 'user'] }], ['demo_disk_usage_bytes', {}], ['demo_disk_total_bytes', {}],
  ['demo_batch_last_run_duration_seconds', {}], ['demo_batch_last_success_timestamp_seconds', {}],
  ['demo_api_http_requests_in_progress', {}], ['demo_items_shipped_total', {}], ['demo_is_holiday', {}],
  ['demo_intermittent_metric', {}], ['demo_odd_values', {}], ['demo_constant_odd', { kind: ['nan', 'inf', 'small'] }],
  ['demo_api_request_duration_seconds_bucket', { method: ['GET', 'POST'], status: ['200', '500'], le: ['0.1', '1', '+Inf'] }],
  ['demo_api_request_duration_seconds_count', { method: ['GET', 'POST'], status: ['200', '500'] }],
  ['demo_api_request_duration_seconds_sum', { method: ['GET', 'POST'], status: ['200', '500'] }],
];
const instance = ['demo.promlabs.com:10000', 'demo.promlabs.com:10001', 'demo.promlabs.com:10002'];
const labels = ['instance', 'job', 'type', 'mode', 'method', 'status', 'le', 'kind', 'nonexistent', '__name__'];
const mathFunctions = ['abs', 'ceil', 'floor', 'exp', 'sqrt', 'ln', 'log2', 'log10', 'sgn', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan',
  'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'deg', 'rad', 'round'];
const dateFunctions = ['day_of_month', 'day_of_week', 'day_of_year', 'days_in_month', 'hour', 'minute', 'month', 'year'];
const rangeFunctions = ['rate', 'increase', 'delta', 'irate', 'idelta', 'deriv', 'changes', 'resets', 'avg_over_time', 'min_over_time',
  'max_over_time', 'sum_over_time', 'count_over_time', 'stddev_over_time', 'stdvar_over_time', 'last_over_time', 'present_over_time',
  'absent_over_time'];
const aggregations = ['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar'];

export class Grammar {
  constructor(random, dataStart, dataSeconds) { Object.assign(this, { random, dataStart, dataSeconds }); }

  duration() { return this.random.pick(['7s', '15s', '30s', '1m', '90s', '2m', '5m', '11m', '20m', '1m30s', '1h', '1h2m3s', '61000ms']); }
  number() { return this.random.pick(['0', '1', '2', '-1', '0.5', '3.25', '64', '1e3', '1e9', '-2.5', 'Inf', '-Inf', 'NaN', '0x10']); }

  time() {
    const r = this.random;
    let text = '';
    if (r.chance(0.15)) text += ` offset ${r.chance(0.25) ? '-' : ''}${r.pick(['5s', '30s', '1m', '4m', '10m'])}`;
    if (r.chance(0.1)) {
      const at = r.chance(0.3) ? r.pick(['start()', 'end()']) : `${this.dataStart + r.below(this.dataSeconds)}.300`;
      text = r.chance(0.5) ? `${text} @ ${at}` : ` @ ${at}${text}`;
    }
    return text;
  }

  matchers(values) {
    const r = this.random;
    const all = [];
    const pick = { instance, job: ['demo'], ...values };
    for (const name of Object.keys(pick)) {
      if (!r.chance(name === 'instance' ? 0.3 : 0.15)) continue;
      const value = r.pick(pick[name]);
      const escaped = value.replaceAll('+', '\\\\+');
      all.push(r.pick([`${name}="${value}"`, `${name}!="${value}"`, `${name}=~"${escaped}"`, `${name}!~"${escaped}"`,
        `${name}=~"${escaped.slice(0, 2)}.*"`, `${name}=~".*${value.slice(-1).replaceAll('+', '\\\\+')}|x"`, `${name}=~".+"`, `${name}!=""`]));
    }
    if (r.chance(0.03)) all.push('nonexistent=""');
    return all;
  }

  bare() {
    const r = this.random;
    if (r.chance(0.04)) {
      const name = r.pick(['demo_.*_total', 'demo_api_.*_(sum|count)', 'demo_(disk|memory).*', 'demo_is_.*|demo_num_cpus']);
      return `{${[`__name__=~"${name}"`, ...this.matchers({})].join(',')}}`;
    }
    if (r.chance(0.01)) return 'nonexistent_metric';
    const [name, values] = r.pick(metrics);
    const inside = this.matchers(values);
    return inside.length > 0 ? `${name}{${inside.join(',')}}` : name;
  }
  selector() { return this.bare() + this.time(); }

  matrix(depth, inSubquery) {
    const r = this.random;
    if (depth > 0 && !inSubquery && r.chance(0.3)) {
      const step = r.pick(['', '10s', '15s', '30s', '1m']);
      return `${this.operand(depth - 1, true)}[${this.duration()}:${step}]${this.time()}`;
    }
    return `${this.bare()}[${this.duration()}]${this.time()}`;
  }

  operand(depth, sub) { const text = this.vector(depth, sub); return /^[a-z_]+(\{[^}]*\})?$/.test(text) ? text : `(${text})`; }

  scalar(depth, sub) {
    const r = this.random;
    if (depth <= 0 || r.chance(0.6)) return r.chance(0.15) ? 'time()' : r.chance(0.05) ? 'pi()' : this.number();
    if (r.chance(0.4)) return `scalar(${this.vector(depth - 1, sub)})`;
    if (r.chance(0.2)) return `(${this.scalar(depth - 1, sub)} ${r.pick(['==', '!=', '<', '>', '<=', '>='])} bool ${this.scalar(depth - 1, sub)})`;
    return `(${this.scalar(depth - 1, sub)} ${r.pick(['+', '-', '*', '/', '%', '^'])} ${this.scalar(depth - 1, sub)})`;
  }

  grouping() {
    const r = this.random;
    if (r.chance(0.2)) return '';
    const list = labels.filter(() => r.chance(0.22));
    return ` ${r.pick(['by', 'without'])} (${list.join(', ')})`;
  }

  aggregation(depth, sub) {
    const r = this.random;
    const inner = this.vector(depth - 1, sub);
    const kind = r.below(10);
    if (kind === 0) return `${r.pick(['topk', 'bottomk'])}${this.grouping()}(${r.pick(['1', '2', '3', '5', '0', '100'])}, ${inner})`;
    if (kind === 1) return `quantile${this.grouping()}(${r.pick(['0', '0.25', '0.5', '0.9', '1', '-1', '2', 'NaN'])}, ${inner})`;
    if (kind === 2) return `count_values${this.grouping()}("${r.pick(['value', 'instance', 'v'])}", ${r.pick(['demo_is_holiday', 'demo_num_cpus', 'demo_constant_odd', 'demo_odd_values'])})`;
    const grouping = this.grouping();
    return r.chance(0.3) ? `${r.pick(aggregations)}(${inner})${grouping}` : `${r.pick(aggregations)}${grouping}(${inner})`;
  }

  matching(setOperator) {
    const r = this.random;
    if (r.chance(0.35)) return '';
    const on = r.pick(['on (instance)', 'on (instance, job)', 'on (job)', 'on (instance, method, status)', 'on ()', 'ignoring (type)',
      'ignoring (mode)', 'ignoring (le)', 'ignoring (method, status)', 'ignoring (type, mode, kind, le)', 'on (instance, type)', 'on (__name__, instance)']);
    if (setOperator || r.chance(0.5)) return ` ${on}`;
    return ` ${on} ${r.pick(['group_left', 'group_right', 'group_left (job)', 'group_right (job)', 'group_left (type)', 'group_right (mode)', 'group_left (mode, status)',
      'group_right (le, nonexistent)', 'group_left ()'])}`;
  }

  binary(depth, sub) {
    const r = this.random;
    const arithmetic = ['+', '-', '*', '/', '%', '^', 'atan2'];
    const comparison = ['==', '!=', '<', '>', '<=', '>='];
    const op = r.chance(0.55) ? r.pick(arithmetic) : `${r.pick(comparison)}${r.chance(0.4) ? ' bool' : ''}`;
    const kind = r.below(10);
    if (kind < 2) return `${this.operand(depth - 1, sub)} ${op} ${this.scalar(depth - 1, sub)}`;
    if (kind < 4) return `${this.scalar(depth - 1, sub)} ${op} ${this.operand(depth - 1, sub)}`;
    if (kind < 6) return `${this.operand(depth - 1, sub)} ${r.pick(['and', 'or', 'unless'])}${this.matching(true)} ${this.operand(depth - 1, sub)}`;
    if (kind < 8) {
      // The same series on both sides meet for certain.
      const name = this.bare();
      return `${name} ${op}${r.pick(['', ' ignoring (nonexistent)', ' on (instance, job, type, mode, method, status, le, kind)'])} ${name}${r.chance(0.5) ? ' offset 1m' : ''}`;
    }
    return `${this.operand(depth - 1, sub)} ${op}${this.matching(false)} ${this.operand(depth - 1, sub)}`;
  }

  call(depth, sub) {
    const r = this.random;
    const inner = () => this.vector(depth - 1, sub);
    switch (r.below(12)) {
      case 0: case 1: return `${r.pick(mathFunctions)}(${inner()})`;
      case 2: return `${r.pick(dateFunctions)}(${r.chance(0.2) ? '' : inner()})`;
      case 3: return r.pick([() => `clamp(${inner()}, ${this.scalar(depth - 1, sub)}, ${this.scalar(depth - 1, sub)})`,
        () => `clamp_min(${inner()}, ${this.scalar(depth - 1, sub)})`, () => `clamp_max(${inner()}, ${this.scalar(depth - 1, sub)})`,
        () => `round(${inner()}, ${r.pick(['0.1', '5', '-3', '1e6', '0'])})`])();
      case 4: return `label_replace(${inner()}, "${r.pick(['new', 'job', 'instance', 'type'])}", "${r.pick(['$1', 'x-$1', '', '${1}y', '$2$1', 'fixed'])}", "${r.pick(['instance', 'job', 'type', 'nonexistent'])}", "${r.pick(['(.*)', '(.*):(.*)', 'demo', '.*1000(.)', '(f|u).*', '(.+)'])}")`;
      case 5: return `label_join(${inner()}, "${r.pick(['new', 'job', 'type'])}", "${r.pick(['-', '', ','])}", ${r.pick(['"instance"', '"instance", "job"', '"type", "mode"', '"nonexistent"'])})`;
      case 6: return `${r.pick(['timestamp', 'absent', 'sort', 'sort_desc'])}(${inner()})`;
      case 7: return `vector(${this.scalar(depth - 1, sub)})`;
      case 8: return `histogram_quantile(${r.pick(['0', '0.1', '0.5', '0.9', '0.99', '1', '-1', '1.5', 'NaN'])}, ${r.pick([
        `rate(demo_api_request_duration_seconds_bucket[${this.duration()}])`, 'demo_api_request_duration_seconds_bucket',
        `sum by (le, instance) (rate(demo_api_request_duration_seconds_bucket[${this.duration()}]))`, inner()])})`;
      case 9: return `quantile_over_time(${r.pick(['0', '0.3', '0.5', '1', '-0.1', '1.1'])}, ${this.matrix(depth, sub)})`;
      case 10: return `predict_linear(${this.matrix(depth, sub)}, ${r.pick(['60', '600', '-30', '0'])})`;
      default: return `${r.pick(['-', '-', '+', '- -'])}${this.operand(depth - 1, sub)}`;
    }
  }

  vector(depth, sub = false) {
    const r = this.random;
    if (depth <= 0) return this.selector();
    const kind = r.below(20);
    if (kind < 3) return this.selector();
    if (kind < 9) return `${r.pick(rangeFunctions)}(${this.matrix(depth, sub)})`;
    if (kind < 13) return this.aggregation(depth, sub);
    if (kind < 16) return this.binary(depth, sub);
    return this.call(depth, sub);
  }

  query() {
    const r = this.random;
    if (r.chance(0.005)) return r.pick(['"a string"', "'it\\'s \\x41\\u00e9'", '`raw \\n`']);
    return r.chance(0.04) ? this.scalar(3) : this.vector(1 + r.below(4));
  }
}
