// Whether two answers of the query API say the same.
const tolerance = 1e-9;

function number(text) {
  if (text === 'NaN') return NaN;
  if (text === '+Inf' || text === 'Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return Number(text);
}

export function sameNumber(a, b) {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b);
  if (a === b) return true;
  if (!Number.isFinite(a) || !Number.isFinite(b)) return false;
  return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b));
}

const keyOf = (labels) => JSON.stringify(Object.keys(labels).sort().map((name) => [name, labels[name]]));

function pointsOf(data) {
  if (data.resultType === 'scalar') return new Map([['scalar', new Map([[data.result[0], number(data.result[1])]])]]);
  if (data.resultType === 'string') return new Map([['string ' + data.result[1], new Map()]]);
  const series = new Map();
  for (const one of data.result) {
    series.set(keyOf(one.metric), new Map((one.values ?? [one.value]).map(([time, value]) => [time, number(value)])));
  }
  return series;
}

// null when they agree, else {kind, text, pairs}: kind is error, type, series or value; pairs are the values that
// differ of `points` in all.
export function difference(expected, actual) {
  const failed = [expected, actual].map((answer) => answer.status !== 'success');
  if (failed[0] || failed[1]) {
    if (failed[0] && failed[1] && expected.errorType === actual.errorType) return null;
    const tell = (answer) => (answer.status === 'success' ? `${answer.data.result.length} results` : `${answer.errorType}: ${answer.error}`);
    return { kind: 'error', text: `${tell(expected)} | ${tell(actual)}`, pairs: [], expected, actual };
  }
  if (expected.data.resultType !== actual.data.resultType)
    return { kind: 'type', text: `${expected.data.resultType} | ${actual.data.resultType}`, pairs: [], expected, actual };
  const [wanted, got] = [pointsOf(expected.data), pointsOf(actual.data)];
  const missing = [...wanted.keys()].filter((key) => !got.has(key));
  const more = [...got.keys()].filter((key) => !wanted.has(key));
  if (missing.length + more.length > 0)
    return { kind: 'series', text: `missing ${missing.slice(0, 3).join(' ')} | more ${more.slice(0, 3).join(' ')}`, pairs: [], expected, actual };
  const pairs = [];
  let points = 0;
  let text = '';
  for (const [key, values] of wanted) {
    const others = got.get(key);
    for (const time of new Set([...values.keys(), ...others.keys()])) {
      const [a, b] = [values.get(time), others.get(time)];
      points += 1;
      if (a !== undefined && b !== undefined && sameNumber(a, b)) continue;
      pairs.push([a, b]);
      text ||= `${key} at ${time}: ${a} | ${b}`;
    }
  }
  return pairs.length === 0 ? null : { kind: 'value', text, pairs, points, expected, actual };
}
