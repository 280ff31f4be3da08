// Overview: what fires, then the services, worst first, each with ways on. A new installation gets the ways to send data.
import { useEffect, useMemo } from 'preact/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useLocation } from 'wouter';
import { query_log_instant, query_log_metric } from '../api/loki';
import { targets } from '../api/prometheus';
import { health, service_reds, type ServiceRed } from '../api/red';
import { useClock, useRange } from '../app/clock';
import { service_color, slot_of } from '../format/colors';
import { count, duration, percent, rate } from '../format/numbers';
import { LineChart, type ChartSeries } from '../parts/line_chart';
import { Panel, ServiceMark, StateMark, Time } from '../parts/marks';
import { useLastAnswer } from '../parts/last_answer';
import { useLogSelector, useServices } from '../parts/services';
import { Sparkline } from '../parts/sparkline';
import { Empty, Failure, Loading, Partial } from '../parts/states';
import { ago } from '../format/time';
import { alert_queries, alert_range, span_red_queries, traceql_of_service } from '../state/pivots';
import { absolute_range, format_duration_short, is_relative, rate_window, scale_range, step_seconds } from '../state/time_range';
import { link, useUrl } from '../state/url_state';
import { active_alerts, alert_metric_link, is_minor, useRules, type ActiveAlert } from './alerts';
import css from './overview.module.css';

export default function Overview() {
  const url = useUrl();
  const range = useRange();
  const clock = useClock();
  const window = rate_window(range);
  const groups = useRules();
  const services = useQuery({
    queryKey: ['reds', range.from_ms, range.to_ms], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => service_reds(range, step_seconds(range, 60), window, signal),
  });
  const last = useLastAnswer(services.data, services.error);
  const now_ms = Math.max(clock.now_ms, groups.dataUpdatedAt);
  // Nothing here yet: whoever sends the first spans waits for them to appear.
  const waits = services.data?.length === 0 && url.range.to === 'now' && is_relative(url.range.from);
  useEffect(() => {
    if (!waits) return undefined;
    const timer = setInterval(() => document.hidden || clock.refresh(), 5000);
    return () => clearInterval(timer);
  }, [waits, clock]);
  const active = active_alerts(groups.data ?? []);
  return (
    <>
      {groups.error && <Failure error={groups.error} what="The alerts" retry={() => void groups.refetch()} />}
      {groups.error && active.length > 0 && <Partial>What fired <Time ms={groups.dataUpdatedAt} />, when the server last answered:</Partial>}
      {active.map((one, index) => <Strip key={index} {...one} now_ms={now_ms} />)}
      {groups.data && !groups.error && active.length === 0 && <p class="s t2"><span class="ok">●</span> Nothing fires. {count(groups.data.flatMap((group) => group.rules).filter((rule) => rule.type === 'alerting').length)} alert rules are watched. <Link class="link acc" href={url.to('/alerts')}>Rules</Link></p>}
      {services.error && <Failure error={services.error} what="The services" retry={() => void services.refetch()} />}
      <Loading on={services.isFetching && !last.data} what="the services" />
      {last.data && (
        <div class={`${css.columns} ${last.old ? 'old' : ''}`}>
          <div class="col">
            {last.data.length === 0 ? <NothingAnswered waits={waits} /> : <><ServiceTable services={last.data} /><Durations services={last.data} /></>}
          </div>
          <div class="col"><LogLevels /><Scrapes /></div>
        </div>
      )}
    </>
  );
}

function Strip({ alert, rule, now_ms }: ActiveAlert & { now_ms: number }) {
  const active_ms = Date.parse(alert.activeAt);
  return (
    <section class={`panel ${css.strip} ${alert.state === 'firing' && !is_minor(alert) ? css.firing : css.pending}`} aria-label={`Alert ${rule.name}`}>
      <StateMark state={alert.state} minor={is_minor(alert)} />
      <div class={css.words}>
        <div class="row wrap"><h2 class={css.title}><bdi>{alert.annotations.summary || rule.name}</bdi></h2><span class="t2 s">{alert.state} {ago(active_ms, now_ms)}, since <Time ms={active_ms} /></span></div>
        <p class="t2"><bdi>{alert.annotations.description ?? (rule.language ? rule.query : alert_queries(rule.query)[0])}</bdi></p>
      </div>
      <Link class="btn pri" href={alert_metric_link(rule, active_ms, now_ms)}>Its metric at its time</Link>
      <Link class="btn" href={link('/alerts', alert_range(active_ms, now_ms))}>Alert</Link>
    </section>
  );
}

const services_shown_max = 50;

function ServiceTable({ services }: { services: ServiceRed[] }) {
  const url = useUrl();
  const range = useRange();
  const [, navigate] = useLocation();
  const log_selector = useLogSelector(range);
  return (
    <Panel title="Services" side={<><span class="t3 s">{count(services.length)}, most failures first; requests they answer, mean over the range</span><Link class="link acc s" href={url.to('/services')}>Show as map</Link></>}>
      <div class="table-scroll">
        <table class={css.services}>
          <thead><tr><th scope="col" style={{ width: '24%' }}>Service</th><th scope="col" class="r">Rate</th><th scope="col" class="r">Errors</th><th scope="col" class="r" style={{ width: '80px' }}>p50</th><th scope="col" class="r">p99</th><th scope="col" class="r" style={{ width: '130px' }}>Go to</th></tr></thead>
          <tbody>{services.slice(0, services_shown_max).map((one) => {
            const state = health(one.errors);
            const metrics = url.to('/metrics', { q: span_red_queries(one.service, null, rate_window(range)) });
            return (
              <tr key={one.service} onClick={(event) => (event.target as Element).closest('a') || navigate(metrics)} style={{ cursor: 'pointer' }}>
                <td><span class="row"><span class={state} aria-label={state === 'ok' ? 'no failures' : 'failures'}>{state === 'ok' ? '●' : '▲'}</span><b class="ell"><ServiceMark name={one.service} /></b></span></td>
                <td><span class={css.figure}><Sparkline series={one.rate_series} range={range} color="var(--text-3)" width={90} /><span class="num">{rate(one.rate)}</span></span></td>
                <td><span class={css.figure}><Sparkline series={one.error_series} range={range} color="var(--status-crit)" width={90} /><span class={`num ${state === 'ok' ? '' : state}`}>{percent(one.errors)}</span></span></td>
                <td class="r num">{duration(one.p50)}</td>
                <td><span class={css.figure}><Sparkline series={one.p99_series} range={range} color={service_color(one.service)} width={90} /><b class="num">{duration(one.p99)}</b></span></td>
                <td class="r"><span class="group">
                  <Link class="btn mini" href={metrics} title="Metrics" aria-label={`Metrics of ${one.service}`}>M</Link>
                  <Link class="btn mini" href={url.to('/logs', { q: log_selector(one.service) })} title="Logs" aria-label={`Logs of ${one.service}`}>L</Link>
                  <Link class="btn mini" href={url.to('/traces', { q: traceql_of_service(one.service), v: ['sort:duration'] })} title="Traces, slowest first" aria-label={`Traces of ${one.service}`}>T</Link></span></td>
              </tr>
            );
          })}</tbody>
        </table>
      </div>
      {services.length > services_shown_max && <p class="s t2 pad">The {services_shown_max} with most failures of {count(services.length)}. Search (Ctrl K) finds the others.</p>}
    </Panel>
  );
}

function Durations({ services }: { services: ServiceRed[] }) {
  const url = useUrl();
  const range = useRange();
  const clock = useClock();
  const series = useMemo(() => services.flatMap((one): ChartSeries[] => (one.p99_series ? [{ ...one.p99_series, name: one.service, slot: slot_of(one.service) }] : [])).slice(0, 20), [services]);
  const query = `histogram_quantile(0.99, sum by (le, service) (rate(traces_spanmetrics_latency_bucket{span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"}[${rate_window(range)}])))`;
  return (
    <Panel title="p99 of answered requests" side={<Link class="link acc s" href={url.to('/metrics', { q: query })}>Open in Metrics</Link>}>
      <LineChart series={series} range={range} unit="seconds" height={210} label="p99 by service over time; the table above has the figures"
        zoom={(from, to) => url.set({ ...absolute_range(from, to), live: null })} zoom_out={() => url.set(scale_range(url.range, clock.now_ms, 2))} />
    </Panel>
  );
}

function LogLevels() {
  const url = useUrl();
  const range = useRange();
  const length_ms = Math.max(1, Math.round(range.to_ms - range.from_ms));
  const step = step_seconds(range, 40);
  const lines = '{service_name=~".+"}';
  const over_time = useQuery({
    queryKey: ['lines by service', range.from_ms, range.to_ms], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => query_log_metric(`sum by (service_name) (count_over_time(${lines}[${step}s]))`, range, step, signal),
  });
  // Exactly those of the range; the curve's steps are not.
  const answer = useQuery({
    queryKey: ['lines by service, exact', range.from_ms, range.to_ms], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => query_log_instant(`sum by (service_name) (count_over_time(${lines}[${format_duration_short(length_ms)}]))`, range.to_ms, signal),
  });
  const all = (answer.data ?? []).map(({ labels, value }) => ({
    service: labels.service_name ?? '', total: value, series: (over_time.data ?? []).find((one) => one.labels.service_name === labels.service_name) ?? null,
  })).sort((left, right) => right.total - left.total);
  return (
    <Panel title="Log lines" side={<span class="t3 s">{answer.data && `${count(all.reduce((sum, { total }) => sum + total, 0))} in ${format_duration_short(length_ms)}`}</span>}>
      {answer.error ? <Failure error={answer.error} what="The counts" /> : (
        <div class="table-scroll"><table><tbody>{all.slice(0, 12).map(({ service, series, total }) => (
          <tr key={service}><td style={{ width: '48%' }}><Link class="link" href={url.to('/logs', { q: `{service_name="${service.replace(/["\\]/g, '\\$&')}"}` })}><ServiceMark name={service} /></Link></td><td><Sparkline series={series} range={range} color="var(--text-3)" /></td><td class="r num">{count(total)}</td></tr>
        ))}</tbody></table></div>
      )}
      {answer.data && all.length === 0 && <Empty title="No lines in this range." />}
    </Panel>
  );
}

function Scrapes() {
  const url = useUrl();
  const answer = useQuery({ queryKey: ['targets', 'active'], queryFn: ({ signal }) => targets('active', signal), refetchInterval: 15_000 });
  const sorted = [...(answer.data?.activeTargets ?? [])].sort((left, right) => Number(left.health === 'up') - Number(right.health === 'up'));
  if (!answer.data || sorted.length === 0) return null;
  const down = sorted.filter(({ health: state }) => state !== 'up').length;
  return (
    <Panel title="Scrape targets" side={<><span class={`s ${down > 0 ? 'crit' : 'ok'}`}>{down > 0 ? `▲ ${down} down` : `● ${sorted.length} up`}</span><Link class="link acc s" href={url.to('/targets')}>All targets</Link></>}>
      <div class="table-scroll"><table><tbody>{sorted.slice(0, 12).map((one) => (
        <tr key={one.scrapeUrl}><td style={{ width: '44%' }}><Link class="link" href={url.to('/metrics', { q: `up{job="${(one.labels.job ?? '').replace(/["\\]/g, '\\$&')}"}` })}><ServiceMark name={one.labels.job ?? one.scrapeUrl} /></Link></td>
          <td class={one.health === 'up' ? 't3' : 'crit'} title={one.lastError || one.labels.instance}><bdi>{one.health === 'up' ? one.labels.instance : `▲ ${one.lastError || one.health}`}</bdi></td><td class="r num" style={{ width: '76px' }}>{duration(one.lastScrapeDuration)}</td></tr>
      ))}</tbody></table></div>
    </Panel>
  );
}

// No request was answered here: nothing was sent yet, or spans of work that nobody asked for over a network.
function NothingAnswered({ waits }: { waits: boolean }) {
  const url = useUrl();
  const services = useServices(useRange());
  if (services.length === 0) return <NewHere waits={waits} />;
  return (
    <div class="panel"><Empty title="No requests were answered in this range.">
      <p class="t2">This table counts spans of the kinds server and consumer, some seconds after they arrive. There is telemetry of:</p>
      <ul>{services.slice(0, services_shown_max).map((name) => (
        <li key={name}><ServiceMark name={name} />{' '}<Link class="link acc" href={url.to('/traces', { q: traceql_of_service(name) })}>Traces</Link>{' '}<Link class="link acc" href={url.to('/metrics', { q: span_red_queries(name, null, '5m') })}>Metrics</Link></li>
      ))}</ul>
      <p class="row wrap"><button type="button" class="btn" onClick={() => url.set({ from: 'now-6h', to: 'now' })}>Last 6 hours</button></p>
    </Empty></div>
  );
}

function NewHere({ waits }: { waits: boolean }) {
  const { origin } = window.location;
  return (
    <div class="panel"><Empty title="No requests were traced in this range.">
      <p class="t2">{waits ? 'Send something; this page looks for it every five seconds:' : 'Send something:'}</p>
      <ul>
        <li>Traces, logs and metrics by OTLP, over gRPC or HTTP: <code>OTEL_EXPORTER_OTLP_ENDPOINT={origin}</code></li>
        <li>Log lines from Promtail or Alloy: <code>{origin}/loki/api/v1/push</code></li>
        <li>Metrics: <code>scrape_configs</code> in the file that <code>prometheus_config</code> names, or remote write to <code>{origin}/api/v1/write</code></li>
        <li>Or start the demo shop: <code>./dev demo</code></li>
      </ul>
    </Empty></div>
  );
}
