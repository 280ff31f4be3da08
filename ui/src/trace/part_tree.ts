// The tree of a trace of any size, of which only what was looked at is here: children come in pages, when they come into
// view. Every row has its place whether it has come or not, so that scrolling is exact: a span says how many children it
// has. Finding the row at a place walks over the open spans only. Bound: past nodes_max spans those out of sight are
// forgotten; they come again when they are scrolled to.
import type { PartSpan } from '../api/trace_parts';

export const page_size = 200;
export const nodes_max = 60_000;

export interface PartNode {
  span: PartSpan | null; // null: what stands above the tops
  parent: PartNode | null;
  place: number;
  child_count: number;
  children: Map<number, PartNode>;
  open_places: number[]; // of children that are open, ascending
  open: boolean;
  rows_below: number; // that an open node shows
}

export interface PartRow {
  node: PartNode | null; // null: it has not come yet
  parent: PartNode;
  place: number;
  depth: number;
}

export interface MissingPage {
  parent: PartNode;
  page: number;
}

function new_node(span: PartSpan | null, parent: PartNode | null, place: number, child_count: number): PartNode {
  return { span, parent, place, child_count, children: new Map(), open_places: [], open: false, rows_below: 0 };
}

export class PartTree {
  readonly top: PartNode;
  readonly by_id = new Map<string, PartNode>();

  constructor(tops: number) {
    this.top = new_node(null, null, 0, tops);
    this.top.open = true;
    this.top.rows_below = tops;
  }

  get length(): number {
    return this.top.rows_below;
  }

  // The row at a place of the list; undefined past its end.
  row(index: number): PartRow | undefined {
    if (index < 0 || index >= this.length) return undefined;
    let node = this.top;
    let left = index;
    descend: for (;;) {
      let before = 0; // rows below the open siblings before
      for (const place of node.open_places) {
        if (left <= place + before) break;
        const child = node.children.get(place)!;
        if (left <= place + before + child.rows_below) {
          left -= place + before + 1;
          node = child;
          continue descend;
        }
        before += child.rows_below;
      }
      const place = left - before;
      return { node: node.children.get(place) ?? null, parent: node, place, depth: node.span ? node.span.depth + 1 : 0 };
    }
  }

  // Where a node stands in the list.
  index_of(node: PartNode): number {
    let index = 0;
    for (let at = node; at.parent; at = at.parent) {
      index += at.place;
      for (const place of at.parent.open_places) if (place < at.place) index += at.parent.children.get(place)!.rows_below;
      if (at.parent.parent) index += 1;
    }
    return index;
  }

  add(parent: PartNode, place: number, span: PartSpan): PartNode {
    const held = parent.children.get(place);
    if (held) return held;
    const node = new_node(span, parent, place, span.child_count);
    parent.children.set(place, node);
    this.by_id.set(span.span_id, node);
    return node;
  }

  set_open(node: PartNode, open: boolean): void {
    if (!node.parent || node.open === open || node.child_count === 0) return;
    const places = node.parent.open_places;
    if (open) {
      node.rows_below = node.child_count;
      for (const place of node.open_places) node.rows_below += node.children.get(place)!.rows_below;
      places.push(node.place);
      places.sort((left, right) => left - right);
    } else {
      places.splice(places.indexOf(node.place), 1);
    }
    node.open = open;
    // A closed node shows nothing, so the change goes up to the first closed one.
    for (let up: PartNode | null = node.parent; up?.open; up = up.parent) up.rows_below += open ? node.rows_below : -node.rows_below;
    if (!open) node.rows_below = 0;
  }

  // Pages with rows between two places of the list that have not come.
  missing(first: number, last: number): MissingPage[] {
    const pages = new Map<PartNode, Set<number>>();
    for (let index = Math.max(0, first); index < Math.min(last, this.length); index++) {
      const row = this.row(index)!;
      if (row.node) continue;
      const of_parent = pages.get(row.parent) ?? new Set<number>();
      of_parent.add(Math.floor(row.place / page_size));
      pages.set(row.parent, of_parent);
    }
    return [...pages].flatMap(([parent, numbers]) => [...numbers].map((page) => ({ parent, page })));
  }

  // Lets go of spans that are neither between these places nor needed by an open one.
  forget(first: number, last: number): void {
    if (this.by_id.size <= nodes_max) return;
    const kept = new Set<PartNode>();
    for (let index = Math.max(0, first); index < Math.min(last, this.length); index++) {
      const row = this.row(index)!;
      if (row.node) kept.add(row.node);
    }
    for (const [span_id, node] of this.by_id) {
      if (kept.has(node) || node.open || node.children.size > 0) continue;
      node.parent!.children.delete(node.place);
      this.by_id.delete(span_id);
    }
  }
}
