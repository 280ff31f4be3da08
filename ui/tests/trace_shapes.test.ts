import { expect, test } from 'vitest';
import type { AggregatedNode } from '../src/api/trace_parts';
import type { DiffSpan } from '../src/api/trace_diff';
import { compared_sets, condition_of, conditions_of } from '../src/state/compared_sets';
import { quoted } from '../src/state/pivots';
import { flame_boxes } from '../src/trace/flame';
import { in_tree_order } from '../src/trace/paths';
import { change_text, shown_rows } from '../src/views/trace_diff';

test('conditions of one pair of braces', () => {
  expect(conditions_of('{ a = "x && y" && (b = 1 || c = 2) && d }')).toEqual(['a = "x && y"', '(b = 1 || c = 2)', 'd']);
  expect(conditions_of('{ a = 1 || b = 2 && c = 3 }')).toEqual(['a = 1 || b = 2 && c = 3']);
  expect(conditions_of('{ }')).toEqual([]);
  for (const other of ['{ a = 1 } >> { b = 2 }', '{ a = 1 } | count() > 2', 'rate']) expect(conditions_of(other)).toBeNull();
});

test('what is compared with what', () => {
  expect(compared_sets('{ name = "x" && duration > 1s && status = error }')).toEqual({ base: '{ name = "x" }', selection: '{ duration > 1s && status = error }' });
  expect(compared_sets('{ name = "x" }')).toEqual({ base: '{ }', selection: '{ name = "x" }' });
  expect(compared_sets('{ }')).toEqual({ base: '{ }', selection: '{ status = error }' });
  expect(compared_sets('{ kind = server } | compare({ duration > 1s }, 20)')).toEqual({ base: '{ kind = server }', selection: '{ duration > 1s }' });
  expect(compared_sets('{ a = 1 } | compare({ b = 1 }, 5, 1, 2)')).toBeNull(); // a selection in time has no counterpart
});

test('the condition a value stands for', () => {
  expect(condition_of('span.app.variant', 'string', 'a"b', '=', quoted)).toBe('span.app.variant = "a\\"b"');
  expect(condition_of('span.a b', 'int', '3', '!=', quoted)).toBe('span."a b" != 3');
  expect(condition_of('status', 'keyword', 'error', '=', quoted)).toBe('status = error');
});

const node = (parent: number, name: string, self_ns: number): AggregatedNode => ({ parent, depth: 0, name, service: 's', count: 1, errors: 0, duration_ns: self_ns, self_ns, longest_ns: self_ns });

test('a flame graph fills its width, largest first, and of a chosen box only what is below', () => {
  const nodes = [node(-1, 'top', 10), node(0, 'small', 30), node(0, 'large', 40), node(1, 'below', 20)];
  const { boxes, total_ns } = flame_boxes(nodes, -1);
  expect(total_ns).toBe(100);
  expect(boxes.map(({ node: { name }, level, from, to }) => [name, level, from, to])).toEqual([['top', 0, 0, 1], ['small', 1, 0, 0.5], ['large', 1, 0.5, 0.9], ['below', 2, 0, 0.2]]);
  expect(flame_boxes(nodes, 1).boxes.map(({ node: { name }, to }) => [name, to])).toEqual([['small', 1], ['below', 0.4]]);
  expect(flame_boxes([node(-1, 'nothing', 0)], -1)).toEqual({ boxes: [], total_ns: 0 });
  expect(in_tree_order(nodes).map(({ name }) => name)).toEqual(['top', 'large', 'small', 'below']);
});

test('a comparison shows what differs and what stands above it', () => {
  const span = (name: string, depth: number, state: DiffSpan['state']): DiffSpan => ({ name, depth, state, service: '', base: null, other: null, changes: [] });
  const spans = [span('a', 0, 'same'), span('b', 1, 'same'), span('c', 2, 'added'), span('d', 1, 'same'), span('e', 2, 'same'), span('f', 1, 'modified'), span('g', 0, 'same')];
  expect(shown_rows(spans, false).map(({ name }) => name)).toEqual(['a', 'b', 'c', 'f']);
  expect(shown_rows(spans, true)).toHaveLength(7);
  expect([change_text(20, 300), change_text(100, 105), change_text(100, 60), change_text(0, 5)]).toEqual(['×15.0', '+5.0\u2009%', '−40\u2009%', '–']);
});
