// Rows of a trace that is shown by parts, for the waterfall: of its tree, or of a list the server made (spans found, failed,
// on the critical path). Both know how long they are, and fetch what comes into view.
import { trace_page, type PartSpan, type SpanList, type TraceOverview } from '../api/trace_parts';
import { page_size, type PartNode, type PartTree } from './part_tree';
import type { Bar, RowList, WaterfallRowOf } from './waterfall';

export interface PartBar extends Bar {
  span: PartSpan;
  node: PartNode | null; // in the tree
}

const bars = new WeakMap<PartSpan, PartBar>();

export function bar_of(span: PartSpan, node: PartNode | null): PartBar {
  const held = bars.get(span);
  if (held && held.node === node) return held;
  const { span_id, name, service, start_ns, duration_ns, self_ns, failed, depth } = span;
  const bar: PartBar = {
    span, node, span_id, name, service, start_ns, duration_ns, self_ns, failed, status_message: '', depth: node ? depth : 0, descendants: span.subtree_spans - 1,
    critical: span.is_critical ? [[start_ns, start_ns + duration_ns]] : [], children: { length: node ? span.child_count : 0 },
  };
  bars.set(span, bar);
  return bar;
}

export function tree_rows(tree: PartTree): RowList<PartBar> {
  return {
    length: tree.length,
    at(index: number): WaterfallRowOf<PartBar> | undefined {
      const row = tree.row(index);
      if (!row) return undefined;
      if (row.node) return { kind: 'span', span: bar_of(row.node.span!, row.node) };
      return { kind: 'pending', key: `${row.parent.span?.span_id ?? ''} ${row.place}`, depth: row.depth };
    },
  };
}

// Fetches each page once; `changed` after one has come.
export class PageLoader {
  readonly #asked = new Set<string>();
  readonly #stop = new AbortController();

  constructor(private readonly overview: TraceOverview, private readonly changed: () => void, private readonly failed: (error: unknown) => void) {}

  async page(list: SpanList, page: number, take: (spans: PartSpan[], total: number) => void): Promise<void> {
    const key = `${JSON.stringify(list)} ${page}`;
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    try {
      const { spans, total } = await trace_page(this.overview, list, page * page_size, page_size, this.#stop.signal);
      take(spans, total);
      this.changed();
    } catch (error) {
      if (!this.#stop.signal.aborted) this.failed(error);
    } finally {
      this.#asked.delete(key);
    }
  }

  end(): void {
    this.#stop.abort();
  }
}

// A list of the server's, page by page. Bound: the last pages_max pages that were looked at.
const pages_max = 100;

export class PartList {
  total = 0;
  known = false;
  readonly #pages = new Map<number, PartSpan[]>();

  constructor(readonly list: SpanList) {}

  rows(): RowList<PartBar> {
    return {
      length: this.total,
      at: (index: number): WaterfallRowOf<PartBar> | undefined => {
        if (index < 0 || index >= this.total) return undefined;
        const span = this.#pages.get(Math.floor(index / page_size))?.[index % page_size];
        return span ? { kind: 'span', span: bar_of(span, null) } : { kind: 'pending', key: `listed ${index}`, depth: 0 };
      },
    };
  }

  async load(loader: PageLoader, first: number, last: number): Promise<void> {
    const end = this.known ? Math.min(last, this.total) : 1;
    for (let page = Math.floor(first / page_size); page * page_size < end; page++) {
      if (this.#pages.has(page)) continue;
      await loader.page(this.list, page, (spans, total) => {
        this.total = total;
        this.known = true;
        this.#pages.set(page, spans);
        if (this.#pages.size > pages_max) this.#pages.delete(this.#pages.keys().next().value!);
      });
    }
  }
}
