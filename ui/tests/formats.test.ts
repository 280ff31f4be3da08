import { describe, expect, test } from 'vitest';
import { bytes, count, duration, duration_of_ms, percent, significant, unit_of_query } from '../src/format/numbers';
import { ago, clock, ms_to_ns, ns_to_ms, range_text, time_ticks, utc, zone_name } from '../src/format/time';
import { level_of, slot_of } from '../src/format/colors';
import { trace_id_of } from '../src/api/prometheus';
import { fields_of } from '../src/api/obelisk';
import { message_text, visible_text } from '../src/views/log_line';
import { assign_slots, common_labels, series_name } from '../src/views/metrics';

const plain = (text: string) => text.replace(/\u2009/g, ' ');

describe('numbers', () => {
  test.each([[0.298, '298 ms'], [2.38, '2.38 s'], [0.000012, '12.0 µs'], [5e-9, '5.00 ns'], [0, '0 ms'], [125, '2 min 5 s'], [179.7, '3 min 0 s'], [-179.7, '−3 min 0 s'], [7199.8, '2 h 0 min'], [10_790, '3 h 0 min'], [7260, '2 h 1 min'], [NaN, '–']])('%s s', (seconds, text) => expect(plain(duration(seconds))).toBe(text));
  test('three digits, grouped', () => {
    expect(significant(1234.5)).toBe('1235');
    expect(significant(123456)).toBe('123,456');
    expect(significant(-0.00123)).toBe('−0.00123');
    expect(significant(Infinity)).toBe('+Inf');
  });
  test('counts are exact up to ten millions', () => {
    expect(count(5681)).toBe('5,681');
    expect(plain(count(12_400_000))).toBe('12.4 M');
  });
  test('others', () => {
    expect(plain(bytes(1500))).toBe('1.50 kB');
    expect(plain(percent(0.0573))).toBe('5.73 %');
    expect(percent(NaN)).toBe('–');
  });
  test('the unit of a query', () => {
    expect(unit_of_query('histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))')).toBe('seconds');
    expect(unit_of_query('sum(rate(http_requests_total[1m]))')).toBe('rate');
    expect(unit_of_query('slo:sli_error:ratio_rate5m')).toBe('ratio');
    expect(unit_of_query('process_resident_memory_bytes')).toBe('bytes');
    expect(unit_of_query('up')).toBe('plain');
  });
});

describe('times', () => {
  test('nanoseconds', () => {
    expect(ns_to_ms('1777790277625976123')).toBeCloseTo(1777790277625.976, 3);
    expect(ms_to_ns(1777790277625)).toBe('1777790277625000000');
  });
  test('text', () => {
    expect(utc(Date.parse('2026-05-03T06:26:30.250Z'))).toBe('2026-05-03 06:26:30.250 UTC');
    expect(utc(NaN)).toBe('no valid time');
    expect(ago(0, 75_000)).toBe('1 min');
    expect(range_text(Date.UTC(2026, 4, 3, 12), Date.UTC(2026, 4, 3, 12, 15))).toMatch(/^\d+ May \d\d:00:00 – \d\d:15:00$/);
    expect(zone_name(0)).toMatch(/^UTC/);
  });
});

describe('logs', () => {
  const line = (text: string, labels = {}) => ({ time_ns: '1', time_ms: 0, labels, text });
  test('fields of JSON and logfmt lines', () => {
    expect(fields_of(line('{"a":1,"b":{"c":"d"},"e":[1]}', { s: 'x' }))).toEqual({ a: '1', b_c: 'd', e: '[1]', s: 'x' });
    expect(fields_of(line('level=info msg="a b" n=3'))).toEqual({ level: 'info', msg: 'a b', n: '3' });
    expect(fields_of(line('{broken'))).toEqual({});
  });
  test('bounds on hostile lines', () => {
    const wide = `{${Array.from({ length: 10_000 }, (_, index) => `"k${index}":1`).join()}}`;
    expect(Object.keys(fields_of(line(wide))).length).toBeLessThanOrEqual(400);
    expect(fields_of(line(`{"a":"${'x'.repeat(1_000_000)}"}`))).toEqual({});
    expect(message_text(line('y'.repeat(1_000_000))).length).toBeLessThan(1000);
  });
  test('control characters are shown, not obeyed', () => {
    expect(visible_text('a\u0000b\u001b[31m\n')).toBe('a␀b␛[31m ↵ ');
  });
  test('the message comes first', () => {
    const one = line('{"event":"order_received","level":"info","quantity":9,"trace_id":"x"}');
    expect(message_text(one)).toBe('order_received  quantity=9');
  });
  test('levels', () => {
    expect([level_of('WARNING'), level_of('Err'), level_of('critical'), level_of(undefined), level_of('odd')]).toEqual(['warn', 'error', 'fatal', 'unknown', 'unknown']);
  });
});

describe('series', () => {
  test('names leave out what all share', () => {
    const all = [{ __name__: 'up', job: 'a', env: 'x' }, { __name__: 'up', job: 'b', env: 'x' }];
    expect(series_name(all[0], common_labels(all))).toBe('up{job="a"}');
    expect(series_name({}, new Set())).toBe('(no labels)');
  });
  test('one service has one colour; series of one service differ', () => {
    const shop = ['order-service', 'inventory-service', 'payment-service', 'notification-service', 'sample-app'];
    expect(new Set(shop.map(slot_of)).size).toBe(5);
    expect(assign_slots(shop.map((job) => ({ job })))).toEqual(shop.map(slot_of));
    for (let index = 0; index < 500; index++) expect([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).toContain(slot_of(`service ${index} <b>`));
    expect(new Set(assign_slots([{ job: 'a', e: '1' }, { job: 'a', e: '2' }, { job: 'a', e: '3' }])).size).toBe(3);
  });
  test('trace ids in any spelling', () => {
    const id = '566acdc19b877beb6c75892a54376696';
    expect(trace_id_of({ traceID: id })).toBe(id);
    expect(trace_id_of({ trace_id: id.toUpperCase() })).toBe(id);
    expect(trace_id_of({ traceId: '6c75892a54376696' })).toBe('00000000000000006c75892a54376696');
    expect(trace_id_of({ trace_id: 'javascript:alert(1)' })).toBeNull();
    expect(trace_id_of({ trace_id: '0'.repeat(32) })).toBeNull();
  });
});

test('durations in whole milliseconds claim no more', () => {
  expect([0, undefined, 1, 39, 999, 1060].map((ms) => plain(duration_of_ms(ms)))).toEqual(['< 1 ms', '< 1 ms', '1 ms', '39 ms', '999 ms', '1.06 s']);
});

describe('ticks of a time axis', () => {
  const at = new Date(2026, 4, 3, 6, 35, 36, 250).getTime(); // local, as axes are
  test.each([[900_000, 7, 5 * 60_000], [60_000, 7, 10_000], [300, 5, 100], [6 * 3_600_000, 7, 3_600_000], [7 * 86_400_000, 7, 86_400_000], [400 * 86_400_000, 7, 58 * 86_400_000]])('%s ms in at most %s', (length, most, step) => {
    const ticks = time_ticks(at, at + length, most);
    expect(ticks.length).toBeGreaterThan(1);
    expect(ticks.length).toBeLessThanOrEqual(most + 1);
    for (const { ms } of ticks) expect(ms >= at && ms <= at + length).toBe(true);
    for (let index = 1; index < ticks.length; index++) expect(ticks[index].ms - ticks[index - 1].ms).toBe(step);
  });
  test('stand at round local times and say them', () => {
    expect(time_ticks(at, at + 900_000, 7).map(({ text }) => text)).toEqual(['06:40', '06:45', '06:50']);
    expect(time_ticks(at, at + 30_000, 2).map(({ text }) => text)).toEqual(['06:35:45', '06:36:00']);
    expect(time_ticks(at, at + 172_800_000, 4)[0]).toEqual({ ms: new Date(2026, 4, 3, 12).getTime(), text: '3 May 12:00' });
    expect(clock(time_ticks(at, at + 8 * 86_400_000, 8)[0].ms)).toBe('00:00:00');
  });
  test('none of no range', () => expect([time_ticks(at, at, 5), time_ticks(at, NaN, 5), time_ticks(at, at + 1000, 0)]).toEqual([[], [], []]));
});
