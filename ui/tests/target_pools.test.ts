import { describe, expect, test } from 'vitest';
import type { Target } from '../src/api/prometheus';
import { target_scrape_queries, target_up_query } from '../src/state/pivots';
import { count_by_health, dropped_fits, fits, health_of, pools_of, scrape_time } from '../src/views/target_pools';

const target = (scrapePool: string, scrapeUrl: string, health: string, more: Partial<Target> = {}): Target => ({
  discoveredLabels: { __address__: 'a:1' }, labels: { job: scrapePool, instance: scrapeUrl }, scrapePool, scrapeUrl, health, lastError: '',
  lastScrape: '2026-05-03T06:26:30.25Z', lastScrapeDuration: 0.01, scrapeInterval: '15s', scrapeTimeout: '10s', ...more });

const report = {
  activeTargets: [
    target('calm', 'http://c/metrics', 'up'), target('shop', 'http://z/metrics', 'up'), target('shop', 'http://b/metrics', 'unknown', { lastScrape: '0001-01-01T00:00:00Z' }),
    target('shop', 'http://y/metrics', 'down', { lastError: 'Connection refused by y' }), target('shop', 'http://a/metrics', 'up'), target('shop', 'http://a/metrics', 'up', { labels: { job: 'other' } }),
  ],
  droppedTargets: [], droppedTargetCounts: { calm: 0, empty: 3, shop: 1 },
};

describe('pools', () => {
  const pools = pools_of(report);
  test('a pool that fails first, then by name; one without targets is there', () => {
    expect(pools.map(({ name, up, targets, dropped }) => [name, up, targets.length, dropped])).toEqual([['shop', 3, 5, 1], ['calm', 1, 1, 0], ['empty', 0, 0, 3]]);
    expect(count_by_health(pools)).toEqual({ up: 4, down: 1, unknown: 1 });
    expect(pools_of({ activeTargets: [], droppedTargets: [], droppedTargetCounts: {} })).toEqual([]);
  });
  test('down, unknown, up, by address; keys are distinct', () => {
    expect(pools[0].targets.map(({ health, target: { scrapeUrl } }) => `${health} ${scrapeUrl}`)).toEqual(
      ['down http://y/metrics', 'unknown http://b/metrics', 'up http://a/metrics', 'up http://a/metrics', 'up http://z/metrics']);
    expect(new Set(pools[0].targets.map(({ key }) => key)).size).toBe(5);
  });
  test('never scraped, and a state of the future', () => {
    expect(scrape_time('0001-01-01T00:00:00Z')).toBeNull();
    expect(scrape_time('nonsense')).toBeNull();
    expect(scrape_time('1970-01-01T00:00:01Z')).toBe(1000);
    expect(health_of('paused')).toBe('unknown');
  });
});

describe('filters', () => {
  const [down, unknown] = pools_of(report)[0].targets;
  test('every word somewhere, whatever its case; state besides', () => {
    expect(fits(down, '', null)).toBe(true);
    expect(fits(down, 'REFUSED shop', null)).toBe(true);
    expect(fits(down, ' refused ', 'down')).toBe(true);
    expect(fits(down, 'refused', 'up')).toBe(false);
    expect(fits(unknown, 'refused', null)).toBe(false);
    expect(fits(unknown, 'job=shop', 'unknown')).toBe(true);
  });
  test('dropped targets by what was discovered', () => {
    const dropped = { scrapePool: 'shop', discoveredLabels: { __address__: 'gone:1', __meta_zone: 'West' } };
    expect(dropped_fits(dropped, 'gone west')).toBe(true);
    expect(dropped_fits(dropped, 'east')).toBe(false);
  });
});

test('queries of a target: job and instance, or all labels without them; any text is quoted', () => {
  expect(target_up_query({ instance: 'h:1', job: 'a"b', zone: 'x' })).toBe('up{job="a\\"b", instance="h:1"}');
  expect(target_up_query({ zone: 'x\\' })).toBe('up{zone="x\\\\"}');
  expect(target_scrape_queries({ job: 'j', instance: 'i' })).toContain('scrape_duration_seconds{job="j", instance="i"}');
});
