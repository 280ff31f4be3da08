// Numbers for people: three significant digits, a thin space before the unit, exact counts with separators.

const thin = '\u2009';

export function significant(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '−Inf';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e15 || size < 1e-9) return value.toExponential(digits - 1);
  const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  const text = value.toFixed(Math.min(places, 12));
  const grouped = size >= 10_000 ? Number(text).toLocaleString('en-US', { maximumFractionDigits: 12 }) : text;
  return grouped.replace('-', '−');
}

export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const size = Math.abs(seconds);
  if (size === 0) return `0${thin}ms`;
  if (size < 1e-6) return `${significant(seconds * 1e9)}${thin}ns`;
  if (size < 1e-3) return `${significant(seconds * 1e6)}${thin}µs`;
  if (size < 1) return `${significant(seconds * 1e3)}${thin}ms`;
  if (size < 120) return `${significant(seconds)}${thin}s`;
  // Rounded as a whole, so that no part of it reaches 60.
  const sign = seconds < 0 ? '−' : '';
  const whole_s = Math.round(size);
  if (whole_s < 7200) return `${sign}${Math.floor(whole_s / 60)}${thin}min ${whole_s % 60}${thin}s`;
  const whole_min = Math.round(size / 60);
  return `${sign}${Math.floor(whole_min / 60)}${thin}h ${whole_min % 60}${thin}min`;
}

// A duration that came in whole milliseconds: no digits that nobody measured.
export function duration_of_ms(ms: number | undefined): string {
  if (!ms) return `<${thin}1${thin}ms`;
  return ms < 1000 ? `${Math.round(ms)}${thin}ms` : duration(ms / 1000);
}

export function bytes(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  let size = value;
  while (Math.abs(size) >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${unit === 0 ? String(size) : significant(size)}${thin}${units[unit]}`;
}

export function count(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value >= 10_000_000) return `${significant(value / 1e6)}${thin}M`;
  return Math.round(value).toLocaleString('en-US');
}

export function percent(share: number): string {
  return Number.isFinite(share) ? `${share === 0 ? '0' : significant(share * 100)}${thin}%` : '–';
}

export function rate(per_second: number): string {
  return Number.isFinite(per_second) ? `${significant(per_second)}/s` : '–';
}

export type Unit = 'seconds' | 'bytes' | 'ratio' | 'rate' | 'plain';

export function with_unit(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (unit === 'seconds') return duration(value);
  if (unit === 'bytes') return bytes(value);
  if (unit === 'ratio') return percent(value);
  if (unit === 'rate') return rate(value);
  return significant(value);
}

// What a query's values mean, read off its text; "plain" when nothing says.
export function unit_of_query(query: string): Unit {
  const per_second = /\b(i?rate|deriv)\s*\(/.test(query);
  if (/(^|[_:])ratio|burn_rate|error_rate/.test(query)) return 'ratio';
  if (/histogram_quantile|quantile_over_time/.test(query)) {
    return /seconds|latency|duration/.test(query) ? 'seconds' : /bytes/.test(query) ? 'bytes' : 'plain';
  }
  if (/_total|_count|_bucket/.test(query) && !/_seconds_total|_bytes_total/.test(query)) return per_second ? 'rate' : 'plain';
  if (/_bytes/.test(query)) return per_second ? 'plain' : 'bytes';
  if (/_seconds(_sum)?\b/.test(query)) return per_second ? 'plain' : 'seconds';
  return per_second ? 'rate' : 'plain';
}
