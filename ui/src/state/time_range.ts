// A time range as it stands in the URL: each end is "now", "now-15m" or an absolute time (RFC 3339, or Unix milliseconds).
// Relative ends are resolved against one clock reading, so that everything on a page shows the same range.

export type TimeRange = {
  from: string;
  to: string;
};

export interface ResolvedRange {
  from_ms: number;
  to_ms: number;
}

export const default_range: TimeRange = { from: 'now-15m', to: 'now' };

const unit_ms: Record<string, number> = {
  ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, y: 31_536_000_000,
};

// "1h30m" -> milliseconds; null when it is not a duration.
export function parse_duration_ms(text: string): number | null {
  if (!/^(\d+(\.\d+)?(ms|[smhdwy]))+$/.test(text)) return null;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwy])/g)) total += Number(amount) * unit_ms[unit];
  return total;
}

export function format_duration_short(ms: number): string {
  if (ms <= 0) return '0s';
  let rest = Math.round(ms);
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const count = Math.floor(rest / unit_ms[unit]);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unit_ms[unit];
  }
  return text;
}

export function is_relative(text: string): boolean {
  return text.startsWith('now');
}

// Unix milliseconds of one end; null when the text is no time.
export function parse_time(text: string, now_ms: number): number | null {
  const trimmed = text.trim();
  if (trimmed === 'now') return now_ms;
  const relative = /^now\s*([-+])\s*(.+)$/.exec(trimmed);
  if (relative) {
    const offset = parse_duration_ms(relative[2].trim());
    return offset === null ? null : now_ms + (relative[1] === '-' ? -offset : offset);
  }
  if (/^\d{12,14}$/.test(trimmed)) return Number(trimmed);
  if (/^\d{9,11}$/.test(trimmed)) return Number(trimmed) * 1000;
  if (!/^\d{4}-\d{2}-\d{2}/.test(trimmed)) return null;
  const parsed = Date.parse(trimmed.includes('T') ? trimmed : trimmed.replace(' ', 'T'));
  return Number.isFinite(parsed) ? parsed : null;
}

// Always a range of at least a millisecond; what does not parse falls back to the last 15 minutes.
export function resolve_range(range: TimeRange, now_ms: number): ResolvedRange {
  const to_ms = parse_time(range.to, now_ms) ?? now_ms;
  const from_ms = parse_time(range.from, now_ms) ?? to_ms - 900_000;
  return from_ms < to_ms ? { from_ms, to_ms } : { from_ms: to_ms, to_ms: Math.max(from_ms, to_ms + 1) };
}

export function absolute_range(from_ms: number, to_ms: number): TimeRange {
  return { from: new Date(Math.floor(from_ms)).toISOString(), to: new Date(Math.ceil(to_ms)).toISOString() };
}

export function freeze_range(range: TimeRange, now_ms: number): TimeRange {
  const { from_ms, to_ms } = resolve_range(range, now_ms);
  return absolute_range(from_ms, to_ms);
}

// Moves by a share of the range's length: -0.5 is half a range back.
export function shift_range(range: ResolvedRange, share: number): TimeRange {
  const by = (range.to_ms - range.from_ms) * share;
  return absolute_range(range.from_ms + by, range.to_ms + by);
}

// Scales around the middle; a relative range that ends now keeps ending now.
export function scale_range(range: TimeRange, now_ms: number, factor: number): TimeRange {
  const { from_ms, to_ms } = resolve_range(range, now_ms);
  const length = Math.max(1000, (to_ms - from_ms) * factor);
  if (range.to === 'now' && is_relative(range.from)) return { from: `now-${format_duration_short(length)}`, to: 'now' };
  const middle = (from_ms + to_ms) / 2;
  return absolute_range(middle - length / 2, middle + length / 2);
}

// A step that gives about `points` points, a round number, not under 1 s.
export function step_seconds(range: ResolvedRange, points: number, least = 1): number {
  const ideal = (range.to_ms - range.from_ms) / 1000 / points;
  const nice = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  return Math.max(least, nice.find((step) => step >= ideal) ?? Math.ceil(ideal / 86400) * 86400);
}

// The window for rate(): at least four scrapes of 15 s when the range is long, shorter for short ranges.
export function rate_window(range: ResolvedRange): string {
  const seconds = (range.to_ms - range.from_ms) / 1000;
  if (seconds <= 300) return '30s';
  if (seconds <= 3600) return '1m';
  if (seconds <= 21600) return '5m';
  return format_duration_short(Math.ceil(seconds / 100 / 60) * 60_000);
}
