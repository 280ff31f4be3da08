// What sets the chosen spans apart: every value of every attribute, ordered by how much its share differs, counted exactly.
import { useState } from 'preact/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { compare_spans, type ComparedValue } from '../api/span_comparison';
import { count, percent, significant } from '../format/numbers';
import { Panel } from '../parts/marks';
import { Empty, Loading, NotRun, message_of } from '../parts/states';
import { condition_of, type ComparedSets } from '../state/compared_sets';
import { quoted } from '../state/pivots';
import type { ResolvedRange } from '../state/time_range';
import css from './span_comparison.module.css';

const values_asked = 500;
const rows_first = 25;
const value_characters = 160;

export function SpanComparisonPanel({ sets, range, narrow }: { sets: ComparedSets; range: ResolvedRange; narrow(condition: string): void }) {
  const [all, set_all] = useState(false);
  const [chance, set_chance] = useState(false);
  const answer = useQuery({
    queryKey: ['compare spans', sets.base, sets.selection, range.from_ms, range.to_ms], placeholderData: keepPreviousData, retry: false,
    queryFn: ({ signal }) => compare_spans(sets.base, sets.selection, range, values_asked, signal),
  });
  if (answer.error) return <NotRun error={answer.error} retry={() => void answer.refetch()} hint={`These spans cannot be compared: ${message_of(answer.error)}`} />;
  if (!answer.data) return <Panel title="What sets them apart"><div class={css.waiting}><Loading on what="the comparison" /></div></Panel>;
  const { selected, others, compared, values } = answer.data;
  // What the spans were chosen by says nothing about them.
  const given = (one: ComparedValue) => sets.selection.includes(one.attribute) || (one.attribute === 'statusMessage' && /\bstatus\b/.test(sets.selection));
  const telling = values.filter((one) => !given(one) && (chance || one.significant));
  const shown = all ? telling : telling.slice(0, rows_first);
  return (
    <Panel title="What sets them apart" side={<span class="t3 s">{count(compared)} values compared, counted exactly; largest difference first</span>}>
      <p class={`s t2 ${css.head}`}>
        <span><span class={css.key} data-of="selected" aria-hidden="true" /> <b>{count(selected)}</b> spans: <code>{sets.selection}</code></span>
        <span><span class={css.key} data-of="others" aria-hidden="true" /> <b>{count(others)}</b> others of <code>{sets.base}</code></span>
        <label class="row"><input type="checkbox" checked={chance} onChange={(event) => set_chance(event.currentTarget.checked)} /> Also what may be chance</label>
      </p>
      {selected === 0 && <Empty title="No span of this range fits the selection." />}
      {selected > 0 && others === 0 && <Empty title="There are no other spans to compare with."><p class="t2">Take a condition out of the search, so that it finds more than the selection.</p></Empty>}
      {selected > 0 && others > 0 && telling.length === 0 && <Empty title="Nothing sets them apart."><p class="t2">Every attribute has its values in the same shares on both sides, as far as the numbers can tell.</p></Empty>}
      {telling.length > 0 && (
        <div class={`table-scroll ${answer.isPlaceholderData ? 'stale' : ''}`}>
          <table class={css.table}>
            <thead><tr><th scope="col" class={css.attribute}>Attribute</th><th scope="col">Value</th><th scope="col" class={css.shares}>Share of each</th><th scope="col" class={`r ${css.number}`}>Selected</th><th scope="col" class={`r ${css.number}`}>Others</th>
              <th scope="col" class={`r ${css.effect}`} title="Cohen's h: the difference of the arcsines of the two shares, from -3.14 to 3.14">Effect</th><th scope="col" class={css.ways}><span class="sr">Narrow the search</span></th></tr></thead>
            <tbody>{shown.map((one) => <Row key={`${one.attribute} ${one.type} ${one.value}`} one={one} selected={selected} others={others} narrow={narrow} />)}</tbody>
          </table>
        </div>
      )}
      {telling.length > shown.length && <p class="pad"><button type="button" class="btn sm" onClick={() => set_all(true)}>All {count(telling.length)} that differ</button></p>}
    </Panel>
  );
}

function Row({ one, selected, others, narrow }: { one: ComparedValue; selected: number; others: number; narrow(condition: string): void }) {
  const [here, there] = [one.selected / selected, one.others / others];
  const text = one.value.length > value_characters ? `${one.value.slice(0, value_characters)}…` : one.value;
  return (
    <tr>
      <td class="mono"><bdi class="ell">{one.attribute}</bdi></td>
      <td class="mono"><bdi class={css.value}>{text === '' ? '(empty)' : text}</bdi></td>
      <td><span class={css.bars} role="img" aria-label={`${percent(here)} of the selected, ${percent(there)} of the others`}><i data-of="selected" style={{ width: `${here * 100}%` }} /><i data-of="others" style={{ width: `${there * 100}%` }} /></span></td>
      <td class="r num" title={`${count(one.selected)} of ${count(selected)}`}>{percent(here)}</td>
      <td class="r num" title={`${count(one.others)} of ${count(others)}`}>{percent(there)}</td>
      <td class="r num b">{one.effect > 0 ? '+' : ''}{significant(one.effect)}{!one.significant && <span class="t3" title="May be chance"> ?</span>}</td>
      <td class="r"><span class="group">
        {(['=', '!='] as const).map((operator) => (
          <button key={operator} type="button" class="btn mini" aria-label={`Only spans ${operator === '=' ? 'with' : 'without'} ${one.attribute} ${text}`} onClick={() => narrow(condition_of(one.attribute, one.type, one.value, operator, quoted))}>{operator === '=' ? '=' : '≠'}</button>
        ))}</span></td>
    </tr>
  );
}
