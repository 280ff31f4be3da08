// The form beside TraceQL: a field changes its own condition and nothing else.
import { describe, expect, test } from 'vitest';
import { braces, conditions_of } from '../src/state/compared_sets';
import { nearest } from '../src/state/nearest';
import { change_form, read_form } from '../src/state/trace_form';

const none = { service: '', name: '', min: '', failed: false };

describe('the search form', () => {
  test('writes and reads the same', () => {
    const form = { service: 'a"b', name: 'GET /x', min: '250ms', failed: true };
    const text = change_form('{ }', form)!;
    expect(text).toBe('{ resource.service.name = "a\\"b" && name = "GET /x" && duration > 250ms && status = error }');
    expect(read_form(text)).toEqual(form);
    expect(change_form(text, none)).toBe('{ }');
    expect(change_form('', { failed: true })).toBe('{ status = error }');
    expect(change_form('{ }', { min: 'long' })).toBe('{ }');
  });
  test('keeps what it does not show', () => {
    expect(change_form('{ span.user = "x && y" && duration > 1s }', { service: 'shop' })).toBe('{ span.user = "x && y" && duration > 1s && resource.service.name = "shop" }');
    expect(change_form('{ duration >= 1s && span.a = 1 }', { min: '2s' })).toBe('{ duration > 2s && span.a = 1 }');
    expect(change_form('{ name = "x" && span.a = 1 } | select(span.b)', { name: '', failed: true })).toBe('{ span.a = 1 && status = error } | select(span.b)');
    expect(change_form('{ name = "}" } | rate() by (name)', { failed: true })).toBe('{ name = "}" && status = error } | rate() by (name)');
    expect(change_form('{ span.a = 1 || span.b = 2 }', { failed: true })).toBe('{ (span.a = 1 || span.b = 2) && status = error }');
  });
  test('reads only conditions that mean what the field says', () => {
    expect(read_form('{ span.name = "x" && status != error && duration < 1s }')).toEqual(none);
    expect(read_form('{ span.text = "status = error" }')).toEqual(none);
    expect(read_form('{ name = "x" || status = error }')).toEqual(none);
  });
  test('has nothing to say of other shapes', () => {
    for (const text of ['{ name = "a" } >> { name = "b" }', '{ } && { }', '({ } | count()) > 2', '{ name = "a" } || { }', '{ name = ']) {
      expect(read_form(text)).toBeNull();
      expect(change_form(text, { failed: true })).toBeNull();
    }
  });
});

test('a choice of conditions stays one when it is joined with others', () => {
  expect(braces([...conditions_of('{ a = 1 || b = "||" }')!, 'c = 3'])).toBe('{ (a = 1 || b = "||") && c = 3 }');
  expect(braces(['(a = 1 || b = 2)', 'c = "x || y"'])).toBe('{ (a = 1 || b = 2) && c = "x || y" }');
  expect(braces(['a = 1 || b = 2'])).toBe('{ a = 1 || b = 2 }');
});

test('the nearest name to one that is not there', () => {
  expect(nearest('oder-service', ['payment-service', 'order-service'])).toEqual(['order-service']);
  expect(nearest('x', [])).toEqual([]);
});
