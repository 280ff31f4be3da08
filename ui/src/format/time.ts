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

const steps_ms = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, ...[1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14_400, 43_200].map((minutes) => minutes * 60_000)];

export interface Tick {
  ms: number;
  text: string;
}

// Round times of the local zone for an axis, at most so many; with the day where a range is longer than one.
export function time_ticks(from_ms: number, to_ms: number, most: number): Tick[] {
  const length = to_ms - from_ms;
  if (!(length > 0) || most < 1) return [];
  const step = steps_ms.find((one) => length / one <= most) ?? Math.ceil(length / most / 86_400_000) * 86_400_000;
  const zone_ms = -new Date(from_ms).getTimezoneOffset() * 60_000;
  const text = (ms: number) => {
    const at = step >= 86_400_000 ? '' : step < 1000 ? clock(ms, true) : step < 60_000 ? clock(ms) : clock(ms).slice(0, 5);
    return length > 86_400_000 ? `${day(ms)} ${at}`.trim() : at;
  };
  const ticks: Tick[] = [];
  for (let ms = Math.ceil((from_ms + zone_ms) / step) * step - zone_ms; ms <= to_ms && ticks.length <= most; ms += step) ticks.push({ ms, text: text(ms) });
  return ticks;
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
