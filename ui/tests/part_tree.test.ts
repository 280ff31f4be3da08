import { describe, expect, test } from 'vitest';
import { nodes_max, PartTree, type PartNode } from '../src/trace/part_tree';
import type { PartSpan } from '../src/api/trace_parts';

function span(id: string, child_count: number, depth: number): PartSpan {
  return {
    span_id: id, parent_id: '', name: id, service: 'shop', start_ns: 0, duration_ns: 1, self_ns: 1, failed: false, depth, child_count,
    subtree_spans: 1 + child_count, subtree_errors: 0, is_critical: false,
  };
}

function fill(tree: PartTree, parent: PartNode, prefix: string, count: number, of_each: number): void {
  for (let place = 0; place < count; place++) tree.add(parent, place, span(`${prefix}.${place}`, of_each, parent.span ? parent.span.depth + 1 : 0));
}

// The list as a walk over the whole tree gives it.
function walked(tree: PartTree): string[] {
  const all: string[] = [];
  const walk = (node: PartNode) => {
    for (let place = 0; place < node.child_count; place++) {
      const child = node.children.get(place);
      all.push(child ? child.span!.span_id : `? ${node.span?.span_id ?? 'top'} ${place}`);
      if (child?.open) walk(child);
    }
  };
  walk(tree.top);
  return all;
}

function listed(tree: PartTree): string[] {
  return Array.from({ length: tree.length }, (_, index) => {
    const row = tree.row(index)!;
    return row.node ? row.node.span!.span_id : `? ${row.parent.span?.span_id ?? 'top'} ${row.place}`;
  });
}

describe('a tree of which parts are here', () => {
  test('rows, lengths and places are those of a walk, whatever is opened and closed', () => {
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
    const tree = new PartTree(5);
    fill(tree, tree.top, 'a', 4, 3); // the fifth has not come
    for (let step = 0; step < 400; step++) {
      const nodes = [...tree.by_id.values()];
      const node = nodes[random(nodes.length)];
      if (random(3) > 0 && node.children.size === 0 && node.span!.depth < 4) fill(tree, node, node.span!.span_id, random(node.child_count) + 1, 3);
      tree.set_open(node, random(2) === 0);
      expect(listed(tree)).toEqual(walked(tree));
    }
    for (const node of tree.by_id.values()) {
      let visible = true;
      for (let up = node.parent; up?.parent; up = up.parent) visible &&= up.open;
      if (visible) expect(tree.row(tree.index_of(node))!.node).toBe(node);
    }
  });

  test('what is missing is asked for by page', () => {
    const tree = new PartTree(1);
    const top = tree.add(tree.top, 0, span('top', 100_000, 0));
    tree.set_open(top, true);
    expect(tree.length).toBe(100_001);
    expect(tree.missing(0, 30)).toEqual([{ parent: top, page: 0 }]);
    expect(tree.missing(50_190, 50_210).map(({ page }) => page)).toEqual([250, 251]);
    expect(tree.missing(100_000, 100_050)).toEqual([{ parent: top, page: 499 }]);
  });

  test('spans out of sight are forgotten past the bound, open ones and those in view never', () => {
    const tree = new PartTree(1);
    const top = tree.add(tree.top, 0, span('top', nodes_max + 500, 0));
    tree.set_open(top, true);
    fill(tree, top, 'x', nodes_max + 100, 2);
    const open = top.children.get(7)!;
    tree.set_open(open, true);
    tree.forget(1000, 1050);
    expect(tree.by_id.size).toBeLessThan(100);
    expect(top.children.get(7)).toBe(open);
    expect(tree.row(1010)!.node).not.toBeNull();
    expect(listed(tree).length).toBe(nodes_max + 503);
  });
});
