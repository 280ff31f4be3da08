import { expect, test } from 'vitest';
import { equal_matchers_in } from '../src/state/pivots';
import { counted_query } from '../src/views/duration_charts';
import { traceql_duration } from '../src/views/trace_search';

test('what a heatmap counts', () => {
  expect(counted_query('{ }')).toBe('{ nestedSetParent < 0 }');
  expect(counted_query('{ name = "x" }')).toBe('{ name = "x" }');
  expect(counted_query('{ a = 1 || b = 2 }')).toBe('{ a = 1 || b = 2 }');
  expect(counted_query('{ } | count() > 2')).toBeNull();
});

test('durations as TraceQL writes them', () => {
  expect([1.2345, 0.0295, 0.000262144, 120, 1e-9].map(traceql_duration)).toEqual(['1.23s', '29.5ms', '262us', '120s', '1us']);
});

test('equality matchers with their metric', () => {
  expect(equal_matchers_in('rate(a:b{x="1", y=~"2"}[5m]) + {z="q\\"uote"}')).toEqual([
    { metric: 'a:b', label: 'x', value: '1' }, { metric: null, label: 'z', value: 'q"uote' }]);
});
