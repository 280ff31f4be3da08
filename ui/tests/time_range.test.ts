import { describe, expect, test } from 'vitest';
import { absolute_range, format_duration_short, freeze_range, parse_duration_ms, parse_time, rate_window, resolve_range, scale_range, shift_range, step_seconds } from '../src/state/time_range';

const now = Date.parse('2026-05-03T06:41:30Z');

describe('times as typed', () => {
  test.each([
    ['now', now], ['now-15m', now - 900_000], ['now - 1h30m', now - 5_400_000], ['now+1d', now + 86_400_000],
    ['1777790277', 1_777_790_277_000], ['1777790277625', 1_777_790_277_625], ['2026-05-03T06:26:30Z', Date.parse('2026-05-03T06:26:30Z')],
    ['2026-05-03T06:26:30.250Z', Date.parse('2026-05-03T06:26:30.250Z')],
  ])('%s', (text, ms) => expect(parse_time(text, now)).toBe(ms));
  test.each(['', 'yesterday', 'now-', 'now-5', 'now-5x', 'now-5m3', '12:30', '<script>', '2026-99-99'])('%s is no time', (text) => expect(parse_time(text, now)).toBeNull());
  test('durations', () => {
    expect(parse_duration_ms('1.5h')).toBe(5_400_000);
    expect(parse_duration_ms('250ms')).toBe(250);
    expect(parse_duration_ms('5 m')).toBeNull();
    expect(format_duration_short(5_400_000)).toBe('1h30m');
    expect(format_duration_short(250)).toBe('250ms');
  });
});

describe('ranges', () => {
  test('a range that ends before it begins is turned around', () => {
    expect(resolve_range({ from: 'now', to: 'now-1h' }, now)).toEqual({ from_ms: now - 3_600_000, to_ms: now });
  });
  test('nonsense falls back to the last 15 minutes', () => {
    expect(resolve_range({ from: 'x', to: 'y' }, now)).toEqual({ from_ms: now - 900_000, to_ms: now });
  });
  test('freezing keeps the same moments', () => {
    expect(freeze_range({ from: 'now-15m', to: 'now' }, now)).toEqual({ from: '2026-05-03T06:26:30.000Z', to: '2026-05-03T06:41:30.000Z' });
  });
  test('shifting and scaling', () => {
    expect(shift_range({ from_ms: now - 100_000, to_ms: now }, -0.5)).toEqual(absolute_range(now - 150_000, now - 50_000));
    expect(scale_range({ from: 'now-15m', to: 'now' }, now, 2)).toEqual({ from: 'now-30m', to: 'now' });
    const fixed = absolute_range(now - 100_000, now);
    expect(scale_range(fixed, now, 0.5)).toEqual(absolute_range(now - 75_000, now - 25_000));
  });
  test('steps are round and bounded', () => {
    for (const hours of [0.01, 1, 24, 24 * 30]) {
      const range = { from_ms: 0, to_ms: hours * 3_600_000 };
      const step = step_seconds(range, 300);
      expect(range.to_ms / 1000 / step).toBeLessThanOrEqual(300);
      expect(Number.isInteger(step)).toBe(true);
    }
    expect(rate_window({ from_ms: 0, to_ms: 900_000 })).toBe('1m');
  });
});
