// Two traces against each other: one tree of both, each span with its two durations and what else changed.
// URL: v=all:1 shows also what is alike.
import { useMemo, useState } from 'preact/hooks';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'wouter';
import { diff_traces, type DiffChange, type DiffSpan } from '../api/trace_diff';
import { count, duration, significant } from '../format/numbers';
import { Panel, ServiceMark } from '../parts/marks';
import { Empty, Failure, Loading, Partial } from '../parts/states';
import { useUrl } from '../state/url_state';
import css from './trace_diff.module.css';

const rows_first = 500;
const changes_shown = 3;
const indent_levels_max = 16;

const signs: Record<DiffSpan['state'], [string, string]> = { same: ['', 'alike'], modified: ['~', 'changed'], added: ['+', 'only in the second'], removed: ['−', 'only in the first'] };

export default function TraceDiffView() {
  const { base = '', other = '' } = useParams<{ base: string; other: string }>();
  const url = useUrl();
  const answer = useQuery({ queryKey: ['trace diff', base, other], staleTime: 60_000, retry: false, queryFn: ({ signal }) => diff_traces(base, other, signal) });
  const all = url.option('all') === '1';
  const rows = useMemo(() => shown_rows(answer.data?.spans ?? [], all), [answer.data, all]);
  const [more, set_more] = useState(false);
  if (answer.error) return <Failure error={answer.error} what="The comparison" retry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading on what="the comparison" />;
  const { spans, warnings } = answer.data;
  const number_of = (state: DiffSpan['state']) => spans.filter((span) => span.state === state).length;
  const longest = Math.max(1, ...spans.map(({ base: left, other: right }) => Math.max(left?.duration_ns ?? 0, right?.duration_ns ?? 0)));
  const trace_link = (id: string, at?: string) => url.to(`/traces/${id}`, { at: at ?? null, v: [] });
  return (
    <Panel class="fill" title="Two traces against each other" side={<Link class="btn sm" href={url.to(`/traces/${other}/against/${base}`)}>Swap</Link>}>
      <div class={`row wrap pad ${css.head}`}>
        {([[base, answer.data.base_spans, 'base', 'First'], [other, answer.data.other_spans, 'other', 'Second']] as const).map(([id, number, side, word]) => (
          <span class="row" key={side}><span class={css.key} data-of={side} aria-hidden="true" /><span class="t2">{word}</span><Link class="link acc mono" href={trace_link(id)}>{id.slice(0, 8)}</Link><span class="t2">{count(number)} spans, {duration((spans.find((span) => span[side])?.[side]?.duration_ns ?? 0) / 1e9)}</span></span>
        ))}
        <span class="t2" role="status">{count(number_of('modified'))} changed, {count(number_of('added'))} only in the second, {count(number_of('removed'))} only in the first, {count(number_of('same'))} alike</span>
        <label class="row"><input type="checkbox" checked={all} onChange={(event) => url.set_option('all', event.currentTarget.checked ? '1' : null, { replace: true })} /> Also what is alike</label>
      </div>
      {warnings.map((text) => <Partial key={text}>{text}</Partial>)}
      {rows.length === 0 ? <Empty title="The two traces are alike: the same spans, and none took noticeably longer." /> : (
        <div class="table-scroll">
          <table class={css.table}>
            <thead><tr><th scope="col" class={css.state}><span class="sr">State</span></th><th scope="col" class={css.name}>Operation</th><th scope="col" class={`r ${css.time}`}>First</th><th scope="col" class={`r ${css.time}`}>Second</th><th scope="col" class={css.bars_column}>Durations</th><th scope="col" class={`r ${css.factor}`}>Change</th><th scope="col">What else changed</th></tr></thead>
            <tbody>{rows.slice(0, more ? 20_000 : rows_first).map((span, index) => <Row key={index} span={span} longest={longest} link={(side) => trace_link(side === 'base' ? base : other, span[side]?.span_id)} />)}</tbody>
          </table>
          {!more && rows.length > rows_first && <p class="pad"><button type="button" class="btn sm" onClick={() => set_more(true)}>All {count(rows.length)} rows</button></p>}
        </div>
      )}
    </Panel>
  );
}

// What differs, and what stands above it.
export function shown_rows(spans: DiffSpan[], all: boolean): DiffSpan[] {
  if (all) return spans;
  const shown = new Array<boolean>(spans.length).fill(false);
  let wanted = -1; // depth of the row whose parent is looked for
  for (let index = spans.length - 1; index >= 0; index--) {
    const { state, depth } = spans[index];
    if (state !== 'same' || depth < wanted) {
      shown[index] = true;
      wanted = depth;
    }
  }
  return spans.filter((_, index) => shown[index]);
}

export function change_text(base_ns: number, other_ns: number): string {
  if (base_ns <= 0 || other_ns <= 0) return '–';
  const factor = other_ns / base_ns;
  if (factor >= 2) return `×${significant(factor)}`;
  const share = (factor - 1) * 100;
  return `${share > 0 ? '+' : ''}${significant(share, 2)}\u2009%`;
}

function Row({ span, longest, link }: { span: DiffSpan; longest: number; link(side: 'base' | 'other'): string }) {
  const { base, other, state } = span;
  const [sign, word] = signs[state];
  const slower = base && other && other.duration_ns > base.duration_ns * 1.25 && other.duration_ns - base.duration_ns > 1e6;
  const changes = span.changes.filter(({ what }) => what !== 'duration_nanos');
  return (
    <tr data-state={state}>
      <td class={`mono b ${css[state]}`} title={word}><span aria-hidden="true">{sign}</span><span class="sr">{word}</span></td>
      <td><span class="row" style={{ paddingLeft: `${Math.min(span.depth, indent_levels_max) * 12}px` }}><ServiceMark name={span.service} plain /><bdi class="ell">{span.name || '(no name)'}</bdi><bdi class="t3 xs ell">{span.service}</bdi></span></td>
      {(['base', 'other'] as const).map((side) => (
        <td class="r num" key={side}>{span[side] ? <>{span[side]!.failed && <span class="crit">▲<span class="sr">failed</span> </span>}<Link class="link" href={link(side)}>{duration(span[side]!.duration_ns / 1e9)}</Link></> : <span class="t3">–</span>}</td>
      ))}
      <td><span class={css.bars} aria-hidden="true"><i data-of="base" style={{ width: `${((base?.duration_ns ?? 0) / longest) * 100}%` }} /><i data-of="other" style={{ width: `${((other?.duration_ns ?? 0) / longest) * 100}%` }} /></span></td>
      <td class={`r num ${slower ? 'warn b' : ''}`}>{base && other ? change_text(base.duration_ns, other.duration_ns) : state === 'added' ? 'new' : 'never reached'}</td>
      <td class="s"><Changes changes={changes} /></td>
    </tr>
  );
}

function Changes({ changes }: { changes: DiffChange[] }) {
  const [all, set_all] = useState(false);
  const shown = all ? changes : changes.slice(0, changes_shown);
  const cut = (text: string | null) => (text === null ? 'absent' : text.length > 120 ? `${text.slice(0, 120)}…` : text);
  return (
    <>
      {shown.map(({ what, before, after }, index) => <div key={index} class={css.change}><span class="t3 mono">{what}</span> <bdi class="mono">{cut(before)}</bdi> <span class="t3">→</span> <bdi class="mono b">{cut(after)}</bdi></div>)}
      {changes.length > shown.length && <button type="button" class="link acc" onClick={() => set_all(true)}>{count(changes.length - shown.length)} more</button>}
    </>
  );
}
