// A trace as a flame graph: equal paths of service and name put together, a box as wide as the self time of it and all below
// it. Unlike a waterfall it shows where time went in sum, whatever ran beside what. Click a box to see only what is below it.
// The table of paths is its twin for reading.
import { useMemo, useState } from 'preact/hooks';
import type { AggregatedNode } from '../api/trace_parts';
import { service_color } from '../format/colors';
import { count, duration, percent } from '../format/numbers';
import { Failure, Loading, Partial } from '../parts/states';
import { usePaths } from './paths';
import css from './flame.module.css';

export interface FlameBox {
  node: AggregatedNode;
  index: number;
  level: number; // below the chosen box
  from: number; // 0 to 1
  to: number;
}

const row_px = 22;
const least_share = 0.0008; // about a pixel

// Boxes of `chosen` (-1: of all) and what is below it; siblings with most time first.
export function flame_boxes(nodes: AggregatedNode[], chosen: number): { boxes: FlameBox[]; total_ns: number } {
  const weights = nodes.map(({ self_ns }) => Math.max(0, self_ns));
  const below = new Map<number, number[]>();
  // A parent comes before its children in the list.
  for (let index = nodes.length - 1; index >= 0; index--) {
    const { parent } = nodes[index];
    if (parent >= 0) weights[parent] += weights[index];
    const siblings = below.get(parent);
    if (siblings) siblings.push(index);
    else below.set(parent, [index]);
  }
  const tops = chosen >= 0 ? [chosen] : below.get(-1) ?? [];
  const total_ns = tops.reduce((sum, index) => sum + weights[index], 0);
  const boxes: FlameBox[] = [];
  const open: { list: number[]; from: number; level: number }[] = [{ list: tops, from: 0, level: 0 }];
  while (open.length > 0 && total_ns > 0) {
    const { list, from, level } = open.pop()!;
    let at = from;
    for (const index of [...list].sort((left, right) => weights[right] - weights[left])) {
      const share = weights[index] / total_ns;
      if (share >= least_share) {
        boxes.push({ node: nodes[index], index, level, from: at, to: at + share });
        open.push({ list: below.get(index) ?? [], from: at, level: level + 1 });
      }
      at += share;
    }
  }
  return { boxes, total_ns };
}

export function Flame({ trace_id }: { trace_id: string }) {
  const answer = usePaths(trace_id);
  const [chosen, set_chosen] = useState(-1);
  const nodes = answer.data?.nodes ?? [];
  const { boxes, total_ns } = useMemo(() => flame_boxes(nodes, chosen), [answer.data, chosen]);
  const levels = boxes.reduce((most, { level }) => Math.max(most, level + 1), 0);
  if (answer.error) return <Failure error={answer.error} what="The flame graph" retry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading on what="the flame graph" />;
  const way: number[] = [];
  for (let up = chosen; up >= 0; up = nodes[up].parent) way.unshift(up);
  return (
    <div class={css.view}>
      <p class="s t2 pad row wrap">
        <button type="button" class="link acc" disabled={chosen < 0} onClick={() => set_chosen(-1)}>All</button>
        {way.map((index) => <span key={index} class="row">› <button type="button" class="link acc" disabled={index === chosen} onClick={() => set_chosen(index)}><bdi>{nodes[index].name || '(no name)'}</bdi></button></span>)}
        <span class="grow" /><span>{duration(total_ns / 1e9)} of self time; width is self time of a step and all below it</span>
      </p>
      {answer.data.left_out > 0 && <Partial>{count(answer.data.left_out)} spans have further paths that are not shown.</Partial>}
      {total_ns === 0 && <p class="pad t2">No span of it took any time.</p>}
      <div class={css.boxes} style={{ height: `${levels * row_px}px` }} role="group" aria-label="Flame graph: steps by their self time and that of all below">
        {boxes.map(({ node, index, level, from, to }) => {
          const text = `${node.name || '(no name)'}${node.count > 1 ? ` × ${count(node.count)}` : ''}, of ${node.service || 'no service'}, ${duration(((to - from) * total_ns) / 1e9)}, ${percent(to - from)}; its own ${duration(node.self_ns / 1e9)}${node.errors > 0 ? `, ${count(node.errors)} failed` : ''}`;
          return (
            <button key={index} type="button" class={css.box} title={text} aria-label={text} data-failed={node.errors > 0} onClick={() => set_chosen(index)}
              style={{ left: `${from * 100}%`, width: `${(to - from) * 100}%`, top: `${level * row_px}px`, borderLeftColor: service_color(node.service) }}>
              <span class={css.fill} style={{ background: service_color(node.service) }} aria-hidden="true" />{node.errors > 0 && <span class="crit" aria-hidden="true">▲ </span>}<bdi>{node.name || '(no name)'}</bdi>{node.count > 1 && <span class="t2"> × {count(node.count)}</span>}</button>
          );
        })}
      </div>
    </div>
  );
}
