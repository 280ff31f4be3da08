import { expect, test } from 'vitest';
import { link, patch_query, read_option, with_option, write_query } from '../src/state/url_state';

test('a written URL reads back the same, whatever is in it', () => {
  const hostile = ['{a="b&c=d"} |= "x"', '100% + 1', 'q#frag', '<script>', 'ü\u0000\u202e', 'a b'];
  for (const value of hostile) {
    const written = write_query(new URLSearchParams({ q: value }));
    expect(new URLSearchParams(written).get('q')).toBe(value);
  }
});

test('keys have one order, so that the same state is the same link', () => {
  expect(patch_query('q=up&from=now-1h', { to: 'now' })).toBe(patch_query('to=now&q=up', { from: 'now-1h' }));
});

test('a patch changes only what it names; null and empty remove', () => {
  expect(patch_query('from=now-1h&q=a&q=b&v=log:1', { q: ['c'], v: null })).toBe('from=now-1h&q=c');
  expect(patch_query('q=a', { q: undefined, at: '' })).toBe('q=a');
});

test('view options', () => {
  const params = new URLSearchParams('v=log:1&v=logs:span');
  expect(read_option(params, 'log')).toBe('1');
  expect(read_option(params, 'lo')).toBeNull();
  expect(with_option(params, 'log', null)).toEqual(['logs:span']);
  expect(with_option(params, 'win', '1-2')).toEqual(['log:1', 'logs:span', 'win:1-2']);
});

test('links', () => {
  expect(link('/traces', { q: '{ }', from: null })).toBe('/traces?q=%7B+%7D');
  expect(link('/', {})).toBe('/');
});
