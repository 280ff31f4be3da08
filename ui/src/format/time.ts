// Times for people. Local zone in the text, UTC for the title; nanosecond times are BigInt or decimal text.

const two = (value: number) => String(value).padStart(2, '0');
const three = (value: number) => String(value).padStart(3, '0');

export function clock(ms: number, with_millis = false): string {
  const date = new Date(ms);
  if (!Number.isFinite(ms) || Number.isNaN(date.getTime())) return '–';
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return with_millis ? `${text}.${three(date.getMilliseconds())}` : text;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export function day(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? '–' : `${date.getDate()} ${months[date.getMonth()]}`;
}

export function day_and_clock(ms: number, with_millis = false): string {
  return `${day(ms)} ${clock(ms, with_millis)}`;
}

// For title attributes: the same moment, unambiguously.
export function utc(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? 'no valid time' : `${date.toISOString().replace('T', ' ').replace('Z', '')} UTC`;
}

export function zone_name(ms = Date.now()): string {
  const minutes = -new Date(ms).getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? '−' : '+'}${Math.floor(size / 60)}${size % 60 ? `:${two(size % 60)}` : ''}`;
}

export function range_text(from_ms: number, to_ms: number): string {
  const same_day = day(from_ms) === day(to_ms);
  return same_day
    ? `${day(from_ms)} ${clock(from_ms)} – ${clock(to_ms)}`
    : `${day_and_clock(from_ms)} – ${day_and_clock(to_ms)}`;
}

export function ns_to_ms(ns: bigint | string): number {
  const value = typeof ns === 'string' ? BigInt(ns) : ns;
  return Number(value / 1000n) / 1000;
}

export function ms_to_ns(ms: number): string {
  return `${BigInt(Math.round(ms * 1000)) * 1000n}`;
}

// "3 min ago", beside an absolute time only.
export function ago(ms: number, now_ms: number): string {
  const seconds = Math.max(0, Math.round((now_ms - ms) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}
