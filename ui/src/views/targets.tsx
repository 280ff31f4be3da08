// Targets: what is scraped, by scrape pool, down first. From a target to its metrics, from a failing one to how its scrapes
// went; what relabelling dropped on demand. Labels, addresses and errors are anybody's text: shown, never linked.
import { Fragment } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { targets, type DroppedTarget, type Labels } from '../api/prometheus';
import { useClock } from '../app/clock';
import { add_keys } from '../app/keys';
import { count, duration } from '../format/numbers';
import { ago, day_and_clock, utc } from '../format/time';
import { LabelChips, Panel, Time } from '../parts/marks';
import { Empty, Failure, Loading, message_of, Partial } from '../parts/states';
import { target_scrape_queries, target_up_query } from '../state/pivots';
import { useUrl } from '../state/url_state';
import { count_by_health, dropped_fits, fits, healths, pools_of, type Health, type Pool, type PoolTarget } from './target_pools';
import css from './targets.module.css';

const refresh_ms = 5000;
const rows_at_once = 100; // a pool may have 100,000 targets

const looks: Record<Health, { kind: string; sign: string; word: string }> = {
  up: { kind: 'ok', sign: '●', word: 'Up' },
  down: { kind: 'crit', sign: '▲', word: 'Down' },
  unknown: { kind: 'n', sign: '○', word: 'Unknown' },
};

function HealthMark({ health }: { health: Health }) {
  const { kind, sign, word } = looks[health];
  return <span class={`tag ${kind}`} title={health === 'unknown' ? 'Not scraped yet' : undefined}><span class={kind === 'n' ? '' : kind}><span aria-hidden="true">{sign}</span> {word}</span></span>;
}

export default function Targets() {
  const url = useUrl();
  const answer = useQuery({ queryKey: ['targets', 'active'], queryFn: ({ signal }) => targets('active', signal), refetchInterval: refresh_ms });
  const with_dropped = url.option('dropped') === '1';
  const dropped = useQuery({ queryKey: ['targets', 'dropped'], queryFn: ({ signal }) => targets('dropped', signal), refetchInterval: refresh_ms, enabled: with_dropped });
  const pools = useMemo(() => (answer.data ? pools_of(answer.data) : []), [answer.data]);
  const words = url.params.get('q') ?? '';
  const state = healths.find((one) => one === url.option('state')) ?? null;
  const filtered = words.trim() !== '' || state !== null;
  const open = url.params.get('at');
  useTargetKeys(open, () => url.set({ at: null }, { replace: true }));

  if (answer.error && !answer.data) return <Failure error={answer.error} what="The targets" retry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading on what="the targets" />;
  if (pools.length === 0) return <NoPools />;
  const shown = pools.map((pool) => ({
    pool, rows: pool.targets.filter((one) => fits(one, words, state)),
    dropped: with_dropped && dropped.data ? dropped.data.droppedTargets.filter((one) => one.scrapePool === pool.name && dropped_fits(one, words)) : null,
  })).filter((one) => !filtered || one.rows.length > 0 || (one.dropped ?? []).length > 0);
  return (
    <>
      {answer.error && <Partial>The state of <Time ms={answer.dataUpdatedAt} />; since then: {message_of(answer.error)}</Partial>}
      <Tools pools={pools} words={words} state={state} with_dropped={with_dropped} />
      {with_dropped && dropped.error && <Failure error={dropped.error} what="The dropped targets" retry={() => void dropped.refetch()} />}
      <Loading on={with_dropped && dropped.isFetching && !dropped.data} what="the dropped targets" />
      {shown.map((one) => <PoolPanel key={one.pool.name} {...one} filtered={filtered} with_dropped={with_dropped} open={open} now_ms={answer.dataUpdatedAt} />)}
      {shown.length === 0 && (
        <Empty title={`None of the ${count(answer.data.activeTargets.length)} targets fits the filter.`}>
          <p><button type="button" class="btn" onClick={() => url.set({ q: null, v: with_dropped ? ['dropped:1'] : [] })}>Show all targets</button></p>
        </Empty>
      )}
    </>
  );
}

function Tools({ pools, words, state, with_dropped }: { pools: Pool[]; words: string; state: Health | null; with_dropped: boolean }) {
  const url = useUrl();
  const counts = count_by_health(pools);
  const all = counts.up + counts.down + counts.unknown;
  const dropped = pools.reduce((sum, pool) => sum + pool.dropped, 0);
  return (
    <>
      <div class={css.tools}>
        <input class={`input ${css.find}`} type="search" data-search placeholder="Find by address, label, pool or error" aria-label="Find a target" value={words}
          onInput={(event) => url.set({ q: event.currentTarget.value }, { replace: true })} />
        <span class="group" role="group" aria-label="State">
          <button type="button" class={`btn ${state === null ? 'on' : ''}`} aria-pressed={state === null} onClick={() => url.set_option('state', null)}>All {count(all)}</button>
          {healths.map((one) => (
            <button type="button" key={one} class={`btn ${state === one ? 'on' : ''}`} aria-pressed={state === one} onClick={() => url.set_option('state', state === one ? null : one)}>
              <span class={looks[one].kind === 'n' || counts[one] === 0 ? '' : looks[one].kind} aria-hidden="true">{looks[one].sign}</span>{looks[one].word} {count(counts[one])}</button>
          ))}
        </span>
        <button type="button" class={`btn ${with_dropped ? 'on' : ''}`} aria-pressed={with_dropped} disabled={dropped === 0 && !with_dropped}
          title="Targets that relabelling dropped: they are not scraped" onClick={() => url.set_option('dropped', with_dropped ? null : '1')}>Dropped {count(dropped)}</button>
      </div>
      <p class="sr" role="status">{`${count(counts.up)} of ${count(all)} targets up, ${count(counts.down)} down`}</p>
    </>
  );
}

interface PoolShown {
  pool: Pool;
  rows: PoolTarget[];
  dropped: DroppedTarget[] | null; // null: not asked for, or not there yet
  filtered: boolean;
  with_dropped: boolean;
  open: string | null;
  now_ms: number;
}

function PoolPanel({ pool, rows, dropped, filtered, with_dropped, open, now_ms }: PoolShown) {
  const [most, set_most] = useState(rows_at_once);
  const failing = pool.targets.some(({ health }) => health === 'down');
  const all_up = pool.up === pool.targets.length && pool.up > 0;
  const words = `${count(pool.up)} of ${count(pool.targets.length)} up`;
  return (
    <Panel title={<bdi>{pool.name}</bdi>} side={<>
      {filtered && rows.length < pool.targets.length && <span class="t3 s">{count(rows.length)} shown</span>}
      {pool.dropped > 0 && <span class="t3 s">{count(pool.dropped)} dropped</span>}
      <span class={`s ${failing ? 'crit' : all_up ? 'ok' : 't2'}`}><span aria-hidden="true">{failing ? '▲' : all_up ? '●' : '○'}</span> {words}</span></>}>
      {pool.targets.length === 0 && <p class="s t2 pad">{pool.dropped > 0 ? 'Relabelling dropped every target of this pool.' : 'No target was found for this pool (yet).'}</p>}
      {rows.length > 0 && (
        <div class="table-scroll"><table class={css.table} aria-label={`Targets of ${pool.name}`}>
          <thead><tr><th scope="col" class={css.state}>State</th><th scope="col">Target</th><th scope="col" class={css.labels}>Labels</th><th scope="col" class={css.time}>Last scrape</th>
            <th scope="col" class={`r ${css.took}`}>Took</th><th scope="col" class={`r ${css.every}`}>Every / limit</th><th scope="col" class={`r ${css.go}`}>Go to</th></tr></thead>
          <tbody>{rows.slice(0, most).map((one) => <TargetRow key={one.key} one={one} open={one.key === open} now_ms={now_ms} />)}</tbody>
        </table></div>
      )}
      {rows.length > most && <p class="s t2 pad">{count(most)} of {count(rows.length)}. <button type="button" class="btn sm" onClick={() => set_most(most + 5 * rows_at_once)}>Show more</button></p>}
      {with_dropped && pool.dropped > 0 && dropped !== null && <Dropped all={pool.dropped} list={dropped} />}
    </Panel>
  );
}

function Ago({ ms, now_ms }: { ms: number | null; now_ms: number }) {
  if (ms === null) return <span class="t3">not yet</span>;
  return <time dateTime={new Date(ms).toISOString()} title={`${day_and_clock(ms, true)} (${utc(ms)})`}>{ago(ms, now_ms)} ago</time>;
}

function TargetRow({ one, open, now_ms }: { one: PoolTarget; open: boolean; now_ms: number }) {
  const url = useUrl();
  const { refresh } = useClock(); // this view may have been open for hours: its series are wanted up to now
  const { target, health, last_scrape_ms } = one;
  const up = url.to('/metrics', { q: target_up_query(target.labels) });
  const scrapes = url.to('/metrics', { q: target_scrape_queries(target.labels) });
  return (
    <Fragment>
      <tr>
        <td><HealthMark health={health} /></td>
        <td class={css.target}>
          <button type="button" class={`link ${css.url}`} aria-expanded={open} data-target={up} onClick={() => url.set({ at: open ? null : one.key }, { replace: true })}>
            <span aria-hidden="true">{open ? '▾' : '▸'} </span><bdi>{target.scrapeUrl}</bdi></button>
          {target.lastError && <p class={`${health === 'down' ? 'crit' : 't2'} pre ${css.error}`}><bdi>{target.lastError}</bdi></p>}
          {health === 'down' && <p class="s"><Link class="link" href={scrapes} onClick={refresh}>How its scrapes went</Link></p>}
        </td>
        <td class={css.chips}><div><LabelChips labels={target.labels} /></div></td>
        <td><Ago ms={last_scrape_ms} now_ms={now_ms} /></td>
        <td class={`r num ${css.took}`}>{last_scrape_ms === null ? '–' : duration(target.lastScrapeDuration)}</td>
        <td class={`r num ${css.every}`}>{target.scrapeInterval} / {target.scrapeTimeout}</td>
        <td class={`r ${css.go}`}><span class="group">
          <Link class="btn mini" href={up} onClick={refresh} title={target_up_query(target.labels)} aria-label={`up of ${target.scrapeUrl}`}>up</Link>
          <Link class="btn mini" href={scrapes} onClick={refresh} title="Duration and samples of its scrapes" aria-label={`scrape_* of ${target.scrapeUrl}`}>scrape_*</Link></span></td>
      </tr>
      {open && (
        <tr><td class={css.details} colSpan={7}>
          <div class={css.columns}>
            <section><h3>Scrape</h3>
              <dl class="kv">
                <dt>Address</dt><dd class="mono"><bdi>{target.scrapeUrl}</bdi></dd>
                <dt>Last scrape</dt><dd>{last_scrape_ms === null ? 'not yet' : <><Time ms={last_scrape_ms} millis with_day /> ({ago(last_scrape_ms, now_ms)} ago), took {duration(target.lastScrapeDuration)}</>}</dd>
                <dt>Every</dt><dd>{target.scrapeInterval}, ended after {target.scrapeTimeout}</dd>
              </dl>
              <p class="row wrap" style={{ marginTop: 'var(--space-3)' }}><Link class="btn" href={up} onClick={refresh}>Its metric up</Link><Link class="btn" href={scrapes} onClick={refresh}>Its scrape_* series</Link></p>
            </section>
            <LabelList title="Labels" labels={target.labels} />
            <LabelList title="Discovered, before relabelling" labels={target.discoveredLabels} />
          </div>
        </td></tr>
      )}
    </Fragment>
  );
}

function Pairs({ labels }: { labels: Labels }) {
  return <dl class="kv">{Object.entries(labels).map(([name, value]) => <Fragment key={name}><dt class="mono"><bdi>{name}</bdi></dt><dd class="mono"><bdi>{value}</bdi></dd></Fragment>)}</dl>;
}

function LabelList({ title, labels }: { title: string; labels: Labels }) {
  return <section><h3>{title}</h3>{Object.keys(labels).length === 0 ? <p class="s t2">None.</p> : <Pairs labels={labels} />}</section>;
}

function Dropped({ all, list }: { all: number; list: DroppedTarget[] }) {
  const [most, set_most] = useState(rows_at_once);
  return (
    <section class={css.dropped} aria-label="Dropped targets">
      <p class="s t2">Dropped by relabelling, with the labels they were discovered with{list.length < all && `; ${count(list.length)} of ${count(all)} shown: the others do not fit the filter, or keep_dropped_targets leaves them out`}.</p>
      {list.slice(0, most).map(({ discoveredLabels }, index) => (
        <details key={index}><summary><bdi>{discoveredLabels.__address__ || '(no address)'}</bdi></summary><Pairs labels={discoveredLabels} /></details>
      ))}
      {list.length > most && <p><button type="button" class="btn sm" onClick={() => set_most(most + 5 * rows_at_once)}>Show more</button></p>}
    </section>
  );
}

// j and k walk the targets, m leads from the one in focus to its metric, Esc closes the open one. Enter is the button's own.
function useTargetKeys(open: string | null, close: () => void) {
  const url = useUrl();
  const { refresh } = useClock();
  useEffect(() => add_keys((event) => {
    const rows = [...document.querySelectorAll<HTMLElement>('[data-target]')];
    const here = rows.indexOf(document.activeElement as HTMLElement);
    const step = event.key === 'j' || event.key === 'ArrowDown' ? 1 : event.key === 'k' || event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && rows.length > 0) {
      rows[here < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, here + step))].focus();
      return true;
    }
    if (event.key === 'Escape' && open !== null) {
      close();
      return true;
    }
    if (event.key === 'm' && here >= 0) {
      refresh();
      url.go(rows[here].dataset.target!, {});
      return true;
    }
    return false;
  }), [open, close, url, refresh]);
}

function NoPools() {
  return (
    <Empty title="Nothing is scraped: no scrape configuration.">
      <p class="t2">Name a Prometheus file under <code>prometheus_config</code> in the server's configuration. Its <code>scrape_configs</code> say what is scraped, for example:</p>
      <pre class="mono">{'scrape_configs:\n- job_name: shop\n  static_configs:\n  - targets: [\'127.0.0.1:8080\']'}</pre>
      <p class="t2">Then restart, or reload when the file was named already: <code>curl -X POST {window.location.origin}/-/reload</code></p>
    </Empty>
  );
}
