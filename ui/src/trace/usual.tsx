// A trace against the usual ones: the self time of each of its operations beside the mean of all traces with the same root
// within ten minutes, counted by the server over every one of them; operations that usually run and did not, too.
import { useMemo, useState } from 'preact/hooks';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { trace_values } from '../api/trace_metrics';
import { count, duration, significant } from '../format/numbers';
import { Panel, ServiceMark } from '../parts/marks';
import { Empty, Loading, message_of } from '../parts/states';
import { quoted } from '../state/pivots';
import { absolute_range } from '../state/time_range';
import { useUrl } from '../state/url_state';
import type { Span, Trace } from './trace_model';
import css from '../views/trace.module.css';

const usual_around_ms = 600_000; // self times are computed trace by trace: a longer time would cost seconds where there is much
const rank_around_ms = 1_800_000;
const rows_first = 6;

export interface UsualRow {
  service: string;
  name: string;
  here_ns: number | null; // null: it did not run
  usual_ns: number; // mean a trace
}

// `sums` are of all traces, this one among them.
export function usual_rows(trace: Trace, sums: { service: string; name: string; self_ns: number }[], traces: number): UsualRow[] {
  const here = new Map<string, { service: string; name: string; self_ns: number }>();
  const key = (service: string, name: string) => JSON.stringify([service, name]);
  for (const { service, name, self_ns } of trace.spans) {
    const held = here.get(key(service, name));
    if (held) held.self_ns += self_ns;
    else here.set(key(service, name), { service, name, self_ns });
  }
  const others = Math.max(1, traces - 1);
  const rows: UsualRow[] = sums.map(({ service, name, self_ns }) => {
    const own = here.get(key(service, name));
    here.delete(key(service, name));
    return { service, name, here_ns: own ? own.self_ns : null, usual_ns: Math.max(0, self_ns - (own?.self_ns ?? 0)) / others };
  });
  for (const { service, name, self_ns } of here.values()) rows.push({ service, name, here_ns: self_ns, usual_ns: 0 });
  return rows.sort((left, right) => Math.abs((right.here_ns ?? 0) - right.usual_ns) - Math.abs((left.here_ns ?? 0) - left.usual_ns));
}

function start_ms_of(trace: Trace): number {
  return Number(trace.start_unix_ns / 1000n) / 1000;
}

export function Usual({ trace }: { trace: Trace }) {
  const url = useUrl();
  const [all, set_all] = useState(false);
  const at_ms = start_ms_of(trace);
  const range = { from_ms: at_ms - usual_around_ms, to_ms: at_ms + usual_around_ms };
  const same = `rootServiceName = ${quoted(trace.root.service)} && rootName = ${quoted(trace.root.name)}`;
  const answer = useQuery({
    queryKey: ['usual', trace.trace_id, trace.spans.length], staleTime: 300_000, retry: false,
    queryFn: async ({ signal }) => {
      const [sums, roots] = await Promise.all([
        trace_values(`{ ${same} } | sum_over_time(span:selfTime) by (resource.service.name, name)`, range, signal),
        trace_values(`{ ${same} && nestedSetParent < 0 } | count_over_time()`, range, signal),
      ]);
      return { traces: roots[0]?.value ?? 0, sums: sums.map(({ labels, value }) => ({ service: labels['resource.service.name'] ?? '', name: labels.name ?? '', self_ns: value * 1e9 })) };
    },
  });
  const rows = useMemo(() => (answer.data ? usual_rows(trace, answer.data.sums, answer.data.traces) : []), [answer.data, trace]);
  const longest = Math.max(1, ...rows.map(({ here_ns, usual_ns }) => Math.max(here_ns ?? 0, usual_ns)));
  const elsewhere = url.to('/traces', { q: `{ ${same} }`, ...absolute_range(range.from_ms, range.to_ms), v: [`pick:${trace.trace_id}`], at: null });
  return (
    <Panel title={<>Against the usual <bdi>{trace.root.name}</bdi></>} side={<Link class="link acc s" href={elsewhere}>Compare with another</Link>}>
      <div style={{ minHeight: '34px' }}>
        {answer.isPending && <Loading on what="the usual" />}
        {answer.error && <p class="s t2 pad">The usual traces could not be read: {message_of(answer.error)}</p>}
        {answer.data && answer.data.traces <= 1 && <Empty title="No other trace began this way within ten minutes." />}
        {answer.data && answer.data.traces > 1 && (
          <div class="table-scroll">
            <table class={css.usual}>
              <thead><tr><th scope="col">Self time, mean of {count(answer.data.traces - 1)} traces</th><th scope="col" class={`r ${css.figure}`}>here</th><th scope="col" class={`r ${css.figure}`}>usual</th><th scope="col" class={css.bars_column}><span class="sr">Bars</span></th><th scope="col" class={`r ${css.figure}`}>change</th></tr></thead>
              <tbody>{rows.slice(0, all ? 1000 : rows_first).map((row) => <Row key={`${row.service} ${row.name}`} row={row} longest={longest} />)}</tbody>
            </table>
            {!all && rows.length > rows_first && <p class="pad"><button type="button" class="btn sm" onClick={() => set_all(true)}>All {count(rows.length)} operations</button></p>}
          </div>
        )}
      </div>
    </Panel>
  );
}

function Row({ row: { service, name, here_ns, usual_ns }, longest }: { row: UsualRow; longest: number }) {
  const factor = here_ns === null || usual_ns < 1 ? null : here_ns / usual_ns;
  const slower = here_ns !== null && here_ns > usual_ns * 2 && here_ns - usual_ns > 1e6;
  const text = here_ns === null ? 'never reached' : factor === null ? 'new here' : factor >= 2 ? `×${significant(factor)}` : `${factor >= 1 ? '+' : ''}${significant((factor - 1) * 100, 2)}\u2009%`;
  return (
    <tr>
      <td><span class="row"><ServiceMark name={service} plain /><bdi class="ell">{name || '(no name)'}</bdi><bdi class="t3 xs ell">{service}</bdi></span></td>
      <td class="r num">{here_ns === null ? '–' : duration(here_ns / 1e9)}</td><td class="r num">{duration(usual_ns / 1e9)}</td>
      <td><span class={css.bars} aria-hidden="true"><i data-of="here" style={{ width: `${((here_ns ?? 0) / longest) * 100}%` }} /><i data-of="usual" style={{ width: `${(usual_ns / longest) * 100}%` }} /></span></td>
      <td class={`r num ${slower || here_ns === null ? 'warn' : 't2'}`}>{text}</td>
    </tr>
  );
}

// Where a span stands among all of its kind within half an hour.
export function Rank({ span, trace }: { span: Span; trace: Trace }) {
  const at_ms = start_ms_of(trace);
  const range = { from_ms: at_ms - rank_around_ms, to_ms: at_ms + rank_around_ms };
  const same = `resource.service.name = ${quoted(span.service)} && name = ${quoted(span.name)}`;
  const answer = useQuery({
    queryKey: ['rank', trace.trace_id, span.span_id], staleTime: 300_000, retry: false,
    queryFn: async ({ signal }) => {
      const [peers, shorter] = await Promise.all([`{ ${same} }`, `{ ${same} && duration < ${Math.round(span.duration_ns)}ns }`].map((filter) => trace_values(`${filter} | count_over_time()`, range, signal)));
      return { peers: peers[0]?.value ?? 0, shorter: shorter[0]?.value ?? 0 };
    },
  });
  if (!answer.data || answer.data.peers < 2) return null;
  const { peers, shorter } = answer.data;
  const share = shorter / (peers - 1);
  return <p class="s t2" style={{ padding: '2px 12px 6px' }} data-rank>Longer than {share > 0.99 && <b class="warn">{count(shorter)}</b>}{share <= 0.99 && <b>{count(shorter)}</b>} of the {count(peers - 1)} others of its kind within half an hour</p>;
}
