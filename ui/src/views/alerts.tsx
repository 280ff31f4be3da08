// Alerts: what fires or is about to, then every rule by group. One click from an alert to its metric at its time, to the
// traces and to the lines of its service.
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { number_of, rules, type Alert, type Rule, type RuleGroup } from '../api/prometheus';
import { useClock, useRange } from '../app/clock';
import { count, significant } from '../format/numbers';
import { ago } from '../format/time';
import { LabelChips, Panel, StateMark, Time } from '../parts/marks';
import { useLogSelector } from '../parts/services';
import { Empty, Failure, Loading, Partial } from '../parts/states';
import { alert_queries, alert_range, service_of, traceql_of_failures, traceql_of_service } from '../state/pivots';
import { format_duration_short } from '../state/time_range';
import { link } from '../state/url_state';
import { useUrl } from '../state/url_state';
import css from './alerts.module.css';

export interface ActiveAlert {
  alert: Alert;
  rule: Rule;
}

export function active_alerts(groups: RuleGroup[]): ActiveAlert[] {
  const rank = ({ alert }: ActiveAlert) => (alert.state === 'firing' ? 0 : 2) + (alert.labels.severity === 'critical' || alert.labels.severity === 'page' ? 0 : 1);
  return groups.flatMap((group) => group.rules).flatMap((rule) => (rule.alerts ?? []).map((alert) => ({ alert, rule })))
    .filter(({ alert }) => alert.state === 'firing' || alert.state === 'pending')
    .sort((left, right) => rank(left) - rank(right) || Date.parse(right.alert.activeAt) - Date.parse(left.alert.activeAt));
}

// A ticket, a warning: attention, not failure.
export function is_minor({ labels }: Alert): boolean {
  return ['ticket', 'warning', 'info', 'minor', 'low'].includes(labels.severity ?? '');
}

export function useRules() {
  return useQuery({ queryKey: ['rules'], queryFn: ({ signal }) => rules(signal), refetchInterval: 5000 });
}

// Where an expression is shown: the view of its language.
const view_of = { logql: '/logs', traceql: '/traces' };

export function alert_metric_link(rule: Rule, active_ms: number, now_ms: number): string {
  if (rule.language) return link(view_of[rule.language], { ...alert_range(active_ms, now_ms), q: rule.query });
  return link('/metrics', { ...alert_range(active_ms, now_ms), q: alert_queries(rule.query), at: String(Math.round(active_ms)), v: [`mark:${rule.name} began`] });
}

export function AlertCard({ alert, rule, now_ms }: ActiveAlert & { now_ms: number }) {
  const range = useRange();
  const log_selector = useLogSelector(range);
  const active_ms = Date.parse(alert.activeAt);
  const span = alert_range(active_ms, now_ms);
  const service = service_of(alert.labels);
  const { summary, description, runbook_url, ...annotations } = alert.annotations;
  const value = number_of(alert.value);
  return (
    <article class={`panel ${css.card} ${alert.state === 'firing' && !is_minor(alert) ? css.firing : css.pending}`}>
      <div class="row wrap"><StateMark state={alert.state} minor={is_minor(alert)} /><h2 class={css.title}><bdi>{summary || rule.name}</bdi></h2>
        <span class="t2 s">since <Time ms={active_ms} with_day /> ({ago(active_ms, now_ms)})</span><span class="grow" />{Number.isFinite(value) && <span class="t2 s">value <b class="num">{significant(value)}</b></span>}</div>
      {description && <p><bdi>{description}</bdi></p>}
      {Object.entries(annotations).map(([name, text]) => <p class="s t2" key={name}>{name}: <bdi>{text}</bdi></p>)}
      <div class="row wrap"><LabelChips labels={alert.labels} /></div>
      <div class="row wrap">
        <Link class="btn pri" href={alert_metric_link(rule, active_ms, now_ms)} title={rule.query}>Its metric at its time</Link>
        {service && <Link class="btn" href={link('/traces', { ...span, q: traceql_of_service(service), v: ['sort:duration'] })}>Slowest traces of {service}</Link>}
        {service && <Link class="btn" href={link('/traces', { ...span, q: traceql_of_failures(service) })}>Failed traces of {service}</Link>}
        {service && <Link class="btn" href={link('/logs', { ...span, q: log_selector(service) })}>Logs of {service}</Link>}
        {runbook_url && /^https?:\/\//.test(runbook_url) && <a class="btn" href={runbook_url} rel="noreferrer noopener" target="_blank">Runbook</a>}
      </div>
    </article>
  );
}

export default function Alerts() {
  const groups = useRules();
  const clock = useClock();
  const url = useUrl();
  const now_ms = Math.max(clock.now_ms, groups.dataUpdatedAt);
  if (groups.error && !groups.data) return <Failure error={groups.error} what="The rules" retry={() => void groups.refetch()} />;
  if (!groups.data) return <Loading on what="the rules" />;
  const active = active_alerts(groups.data);
  const firing = active.filter(({ alert }) => alert.state === 'firing').length;
  if (groups.data.length === 0) {
    return <Empty title="No rules are configured."><p class="t2">Name a Prometheus rule file under <code>rule_files</code> in the file that <code>prometheus_config</code> points to, and restart.</p></Empty>;
  }
  return (
    <>
      <p class="t2" role="status">{active.length === 0 ? '' : `${count(firing)} firing, ${count(active.length - firing)} pending`}</p>
      {groups.error && <Failure error={groups.error} what="The alerts" retry={() => void groups.refetch()} />}
      {groups.error && <Partial>What follows is from <Time ms={groups.dataUpdatedAt} />, when the server last answered.</Partial>}
      {!groups.error && active.length === 0 && <div class="panel pad"><b><span class="ok">●</span> Nothing fires and nothing is pending.</b> <span class="t2">Every alert rule below was evaluated and is quiet.</span></div>}
      {active.map(({ alert, rule }, index) => <AlertCard key={index} alert={alert} rule={rule} now_ms={now_ms} />)}
      {groups.data.map((group) => (
        <Panel key={`${group.file} ${group.name}`} title={<bdi>{group.name}</bdi>} side={<span class="t3 s">every {format_duration_short(group.interval * 1000)} · <bdi class="mono">{group.file}</bdi></span>}>
          <div class="table-scroll"><table>
            <thead><tr><th scope="col" style={{ width: '96px' }}>State</th><th scope="col" style={{ width: '26%' }}>Rule</th><th scope="col">Expression</th><th scope="col" class="r" style={{ width: '80px' }}>For</th><th scope="col" style={{ width: '90px' }}>Evaluated</th></tr></thead>
            <tbody>{group.rules.map((rule, index) => (
              <tr key={index}>
                <td>{rule.type === 'recording' ? <span class="t3">records</span> : <StateMark state={rule.state ?? 'inactive'} minor={(rule.alerts ?? []).every(is_minor)} />}</td>
                <td class="b"><bdi>{rule.name}</bdi>{rule.health === 'err' && <span class="crit" title={rule.lastError}> ▲ {rule.lastError}</span>}</td>
                <td class="mono"><Link class="link" href={rule.language && rule.type !== 'recording' ? url.to(view_of[rule.language], { q: rule.query }) : url.to('/metrics', { q: rule.type === 'recording' ? `${rule.name}` : alert_queries(rule.query) })} title={rule.query}><bdi>{rule.query.replace(/\s+/g, ' ')}</bdi></Link></td>
                <td class="r num">{rule.type === 'alerting' ? format_duration_short((rule.duration ?? 0) * 1000) : ''}</td>
                <td>{rule.lastEvaluation && Date.parse(rule.lastEvaluation) > 0 ? <Time ms={Date.parse(rule.lastEvaluation)} /> : '–'}</td>
              </tr>
            ))}</tbody>
          </table></div>
        </Panel>
      ))}
    </>
  );
}
