// Values as TraceQL knows them, for the naive evaluator: {t, v} with t one of nil, bool, int, float, duration, string,
// status, kind, list. Integers and durations are BigInts of 64 bits. Written from the language's rules, not from the
// server's code.
export const nil = { t: 'nil' };
export const int = (v) => ({ t: 'int', v: BigInt.asIntN(64, BigInt(v)) });
export const float = (v) => ({ t: 'float', v });
export const duration = (v) => ({ t: 'duration', v: BigInt(v) });
export const string = (v) => ({ t: 'string', v });
export const bool = (v) => ({ t: 'bool', v });
export const status = (v) => ({ t: 'status', v });
export const kind = (v) => ({ t: 'kind', v });
// Of nothing nothing, of one that one.
export const list = (values) => (values.length === 0 ? nil : values.length === 1 ? values[0] : { t: 'list', v: values });

export const statusNames = ['unset', 'ok', 'error'];
export const kindNames = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

export const isNumber = (value) => value.t === 'int' || value.t === 'float' || value.t === 'duration';
export const isTrue = (value) => value.t === 'bool' && value.v;
export const asNumber = (value) => Number(value.v);

// null: the two are of different kinds and cannot be compared.
export function order(a, b) {
  const sign = (x, y) => (x < y ? -1 : x > y ? 1 : x === y ? 0 : NaN);
  if (isNumber(a) && isNumber(b)) return a.t === 'float' || b.t === 'float' ? sign(asNumber(a), asNumber(b)) : sign(a.v, b.v);
  if (a.t !== b.t || a.t === 'nil' || a.t === 'list') return null;
  if (a.t === 'string') return Buffer.compare(Buffer.from(a.v), Buffer.from(b.v));
  return sign(Number(a.v), Number(b.v));
}

const holdsFor = {
  '=': (o) => o === 0, '!=': (o) => o !== 0, '<': (o) => o < 0, '<=': (o) => o <= 0, '>': (o) => o > 0, '>=': (o) => o >= 0,
};
export const elements = (value) => (value.t === 'list' ? value.v : [value]);

// Absent values compare with nothing. Of lists one pair that fits is enough; for != there must be pairs that can be
// compared, and none of them equal.
export function compare(op, a, b) {
  if (a.t === 'nil' || b.t === 'nil') return false;
  const orders = elements(a).flatMap((x) => elements(b).map((y) => order(x, y))).filter((o) => o !== null);
  if (op === '!=') return orders.length > 0 && orders.every(holdsFor['!=']);
  return orders.some(holdsFor[op]);
}

export function matches(op, value, pattern) {
  const texts = elements(value).filter((one) => one.t === 'string');
  const folds = pattern.v.startsWith('(?i)');
  const regex = new RegExp(`^(?:${folds ? pattern.v.slice(4) : pattern.v})$`, folds ? 'sui' : 'su');
  const any = texts.some((one) => regex.test(one.v));
  return texts.length > 0 && any === (op === '=~');
}

const floatOps = { '+': (a, b) => a + b, '-': (a, b) => a - b, '*': (a, b) => a * b, '/': (a, b) => a / b, '%': (a, b) => a % b, '^': (a, b) => a ** b };
const halfAwayFromZero = (x) => (x < 0 ? -Math.round(-x) : Math.round(x));

function ofIntegers(op, a, b) {
  if ((op === '/' || op === '%') && b === 0n) return nil;
  if (op === '^') {
    const power = Number(a) ** Number(b);
    return b >= 0n && Math.abs(power) < 9e18 ? int(Math.trunc(power)) : float(power);
  }
  return int({ '+': a + b, '-': a - b, '*': a * b, '/': op === '/' ? a / b : 0n, '%': op === '%' ? a % b : 0n }[op]);
}

// Nil where an operand is no number. A time stays one where that makes sense: 2 * 3s, 6s / 2, 6s - 1; not 6s / 3s.
export function arithmetic(op, a, b) {
  if (!isNumber(a) || !isNumber(b)) return nil;
  if (a.t === 'int' && b.t === 'int') return ofIntegers(op, a.v, b.v);
  const result = floatOps[op](asNumber(a), asNumber(b));
  const [x, y] = [a.t === 'duration', b.t === 'duration'];
  const isTime = { '+': x || y, '-': x || y, '*': x !== y, '/': x && !y, '%': x, '^': false }[op];
  return isTime && Math.abs(result) < 9e18 ? duration(halfAwayFromZero(result)) : float(result);
}

// --- as text ------------------------------------------------------------------------------------------------------

function fraction(whole, rest, digits) {
  const tail = String(rest).padStart(digits, '0').replace(/0+$/, '');
  return tail === '' ? String(whole) : `${whole}.${tail}`;
}

// 1h0m0s, 1.5s, 250ms, 3µs, 0s
export function durationText(nanos) {
  if (nanos === 0n) return '0s';
  const sign = nanos < 0n ? '-' : '';
  const n = nanos < 0n ? -nanos : nanos;
  if (n < 1000n) return `${sign}${n}ns`;
  if (n < 1000000n) return `${sign}${fraction(n / 1000n, n % 1000n, 3)}µs`;
  if (n < 1000000000n) return `${sign}${fraction(n / 1000000n, n % 1000000n, 6)}ms`;
  const seconds = n / 1000000000n;
  const hours = seconds >= 3600n ? `${seconds / 3600n}h` : '';
  const minutes = seconds >= 60n ? `${(seconds / 60n) % 60n}m` : '';
  return `${sign}${hours}${minutes}${fraction(seconds % 60n, n % 1000000000n, 9)}s`;
}

const withExponent = (digits, exponent) => `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;

// The shortest digits that give the number, without an exponent between 1e-4 and 1e16.
export function floatText(number) {
  if (Number.isNaN(number)) return 'nan';
  if (!Number.isFinite(number)) return number < 0 ? '-inf' : 'inf';
  if (number === 0) return Object.is(number, -0) ? '-0' : '0';
  const [digits, exponent] = number.toExponential().split('e');
  if (Number(exponent) < -4 || Number(exponent) >= 16) return withExponent(digits, Number(exponent));
  const plain = String(number);
  return plain.includes('e') ? number.toFixed(20).replace(/0+$/, '') : plain;
}

// Six digits as printf rounds: exactly, and of two that are as near the even one.
function sixDigitExponential(number) {
  const exact = number.toExponential(60);
  const digits = /^(-?\d\.\d{5})50*e(.*)$/.exec(exact);
  if (digits && Number(digits[1].at(-1)) % 2 === 0) return [digits[1], digits[2]];
  return number.toExponential(5).split('e');
}

// printf's %.6g
export function sixDigits(number) {
  if (Number.isNaN(number)) return '_';
  if (!Number.isFinite(number)) return number < 0 ? '-inf' : 'inf';
  if (number === 0) return Object.is(number, -0) ? '-0' : '0';
  const [digits, exponent] = sixDigitExponential(number);
  const trim = (text) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (Number(exponent) < -4 || Number(exponent) >= 6) return withExponent(trim(digits), Number(exponent));
  return trim(Number(`${digits}e${exponent}`).toFixed(Math.max(0, 5 - Number(exponent))));
}

export function text(value) {
  switch (value.t) {
    case 'nil': return 'nil';
    case 'float': return floatText(value.v);
    case 'duration': return durationText(value.v);
    case 'status': return statusNames[value.v];
    case 'kind': return kindNames[value.v];
    case 'list': return `[${value.v.map(text).join(', ')}]`;
    default: return String(value.v);
  }
}

// Where values stand when groups and series are sorted: by kind, then by value; a list is its text.
const ranks = ['nil', 'bool', 'int', 'float', 'duration', 'string', 'status', 'kind'];
export const asKey = (value) => (value.t === 'list' ? string(text(value)) : value);
export function keyOrder(a, b) {
  const [x, y] = [asKey(a), asKey(b)];
  if (x.t !== y.t) return ranks.indexOf(x.t) - ranks.indexOf(y.t);
  if (x.t === 'float' && (Number.isNaN(x.v) || Number.isNaN(y.v))) return Number.isNaN(y.v) - Number.isNaN(x.v);
  return x.t === 'nil' ? 0 : order(x, y);
}
export const keyText = (value) => `${asKey(value).t}:${text(asKey(value))}`;
