import { expect, test } from 'vitest';
import { mistake_of, text_index } from '../src/api/parse';
import { is_query } from '../src/api/running';
import { is_logql } from '../src/state/logql_text';

test('bytes of UTF-8 become places in the text', () => {
  expect(text_index('abc', 2)).toBe(2);
  expect(text_index('äb', 2)).toBe(1);
  expect(text_index('€😀x', 7)).toBe(3); // 3 bytes, then 4 that are two UTF-16 units
  expect(text_index('ab', 9)).toBe(2);
});

test('a mistake is a range one can underline', () => {
  expect(mistake_of('sum(rate(up))', { message: 'no', begin: 9, end: 11, line: 1, column: 10 })).toEqual({ message: 'no', place: '1:10', from: 9, to: 11 });
  expect(mistake_of('sum(up', { message: 'unexpected end', begin: 6, end: 6, line: 1, column: 7 })).toMatchObject({ from: 5, to: 6 });
  expect(mistake_of('{a="b"} |=  ', { message: 'parse error at line 1, col 13: end', begin: 12, end: 12, line: 1, column: 13 })).toEqual({ message: 'end', place: '1:13', from: 9, to: 10 });
  expect(mistake_of('{ 1 = "x" }', { message: 'invalid TraceQL query at line 1, col 5: (1 = "x") compares different types', begin: 4, end: 5, line: 1, column: 5 }))
    .toEqual({ message: '(1 = "x") compares different types', place: '1:5', from: 4, to: 5 });
  expect(mistake_of('{a="ü"} |= bad', { message: 'x', begin: 12, end: 15, line: 1, column: 13 })).toMatchObject({ from: 11, to: 14 });
  expect(mistake_of('abc', { message: 'all of it' })).toEqual({ message: 'all of it', place: '', from: 0, to: 3 });
});

test('queries are told from other requests', () => {
  expect(['/api/v1/query_range', '/loki/api/v1/query', '/api/search', '/api/v2/traces/ab'].every(is_query)).toBe(true);
  expect(['/api/v1/rules', '/obelisk/api/v1/queries', '/obelisk/api/v1/parse', '/api/v2/search/tags'].some(is_query)).toBe(false);
});

test('plain words are no LogQL', () => {
  expect(['{a="b"}', ' {', 'sum by (x) (rate({a="b"}[1m]))', 'rate({}'].every(is_logql)).toBe(true);
  expect(['payment failed', 'error: x', '"quoted"', ''].some(is_logql)).toBe(false);
});
