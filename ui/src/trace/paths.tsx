// The tree of a trace with equal paths of service and name put together, as a table: the shape of the trace on one page.
import { useMemo } from 'preact/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { trace_aggregate, type AggregatedNode } from '../api/trace_parts';
import { count, duration } from '../format/numbers';
import { ServiceMark } from '../parts/marks';
import { Failure, Loading, Partial } from '../parts/states';
import css from '../views/trace.module.css';

const paths_shown = 1000;

export function usePaths(trace_id: string) {
  return useQuery({ queryKey: ['trace paths', trace_id], staleTime: 600_000, placeholderData: keepPreviousData, queryFn: ({ signal }) => trace_aggregate(trace_id, paths_shown, signal) });
}

// Depth first, of siblings the one with the most self time first.
export function in_tree_order(nodes: AggregatedNode[]): AggregatedNode[] {
  const below = new Map<number, number[]>();
  nodes.forEach((node, index) => {
    const siblings = below.get(node.parent);
    if (siblings) siblings.push(index);
    else below.set(node.parent, [index]);
  });
  const order: number[] = [];
  const open = [...(below.get(-1) ?? [])].reverse();
  while (open.length > 0) {
    const index = open.pop()!;
    order.push(index);
    open.push(...[...(below.get(index) ?? [])].sort((left, right) => nodes[left].self_ns - nodes[right].self_ns));
  }
  return order.map((index) => nodes[index]);
}

export function Paths({ trace_id }: { trace_id: string }) {
  const answer = usePaths(trace_id);
  const ordered = useMemo(() => in_tree_order(answer.data?.nodes ?? []), [answer.data]);
  if (answer.error) return <Failure error={answer.error} what="The paths" retry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading on what="paths" />;
  return (
    <div class={`table-scroll ${css.scroll}`} tabIndex={0} role="group" aria-label="Paths of the trace">
      {answer.data.left_out > 0 && <Partial>{count(answer.data.left_out)} spans have further paths that are not shown.</Partial>}
      <table>
        <thead><tr><th scope="col" style={{ width: '46%' }}>Path</th><th scope="col" class="r">Spans</th><th scope="col" class="r">Failed</th><th scope="col" class="r">Self time</th><th scope="col" class="r">Mean</th><th scope="col" class="r">Longest</th></tr></thead>
        <tbody>{ordered.map((node, index) => (
          <tr key={index}>
            <td><span class="row" style={{ paddingLeft: `${Math.min(node.depth, 16) * 12}px` }}><ServiceMark name={node.service} plain /><bdi class="ell">{node.name || '(no name)'}</bdi></span></td>
            <td class="r num">{count(node.count)}</td><td class="r num">{node.errors > 0 ? <span class="crit">{count(node.errors)}</span> : '0'}</td>
            <td class="r num">{duration(node.self_ns / 1e9)}</td><td class="r num">{duration(node.duration_ns / node.count / 1e9)}</td><td class="r num">{duration(node.longest_ns / 1e9)}</td>
          </tr>
        ))}</tbody>
      </table>
    </div>
  );
}
