// The series of a chart as a table: its twin for reading, showing one alone, and the way on to lines and traces.
import { Link } from 'wouter';
import { useRange } from '../app/clock';
import { series_variable } from '../format/colors';
import { count, with_unit, type Unit } from '../format/numbers';
import { selector, service_of, traceql_of_series } from '../state/pivots';
import { useUrl } from '../state/url_state';
import type { ChartSeries } from './line_chart';
import { useLogSelector } from './services';
import css from './legend.module.css';

const rows_max = 100;

interface LegendProps {
  series: ChartSeries[];
  total?: number; // when more were found than are drawn
  unit_of(one: ChartSeries): Unit;
  solo: number | null;
  set_solo(index: number | null): void;
}

export function Legend({ series, total = series.length, unit_of, solo, set_solo }: LegendProps) {
  const url = useUrl();
  const log_selector = useLogSelector(useRange());
  return (
    <section class="panel">
      <div class="table-scroll">
        <table class={css.legend}>
          <caption class="sr">Series of the chart, with their values</caption>
          <thead><tr><th scope="col" class={css.series}>Series {count(total)}</th><th scope="col" class="r">last</th><th scope="col" class={`r ${css.wide}`}>min</th><th scope="col" class="r">max</th><th scope="col" class={`r ${css.wide}`}>mean</th><th scope="col" class={`r ${css.ways}`}>Go to</th></tr></thead>
          <tbody>
            {series.slice(0, rows_max).map((one, index) => {
              const service = service_of(one.labels);
              const traces = traceql_of_series(one.labels);
              return <Row key={index} one={one} unit={unit_of(one)} solo={solo === index} dim={solo !== null && solo !== index} toggle={() => set_solo(solo === index ? null : index)}
                logs={service ? url.to('/logs', { q: log_selector(service) }) : null} traces={traces ? url.to('/traces', { q: traces }) : null} />;
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ one, unit, solo, dim, toggle, logs, traces }: { one: ChartSeries; unit: Unit; solo: boolean; dim: boolean; toggle(): void; logs: string | null; traces: string | null }) {
  const values = one.values.filter((value): value is number => value !== null && Number.isFinite(value));
  const mean = values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : NaN;
  return (
    <tr class={dim ? css.dim : solo ? 'on' : ''}>
      <td><button type="button" class={`link row ${css.plain}`} aria-pressed={solo} onClick={toggle} title={`${selector(one.labels)}\nClick: only this one`}>
        <span class="sq" style={{ background: one.threshold ? 'var(--status-crit)' : series_variable(one.slot) }} /><bdi class={`mono ell ${css.name}`}>{one.name}</bdi></button></td>
      <td class="r num b">{with_unit(one.values.at(-1), unit)}</td>
      <td class={`r num ${css.wide}`}>{with_unit(values.length > 0 ? Math.min(...values) : NaN, unit)}</td>
      <td class="r num">{with_unit(values.length > 0 ? Math.max(...values) : NaN, unit)}</td>
      <td class={`r num ${css.wide}`}>{with_unit(mean, unit)}</td>
      <td class="r"><span class="group">
        {logs && <Link class="btn mini" href={logs} aria-label={`Logs of ${one.name}`} title="Logs of its service, same range">L</Link>}
        {traces && <Link class="btn mini" href={traces} aria-label={`Traces of ${one.name}`} title="Traces of its service and route, same range">T</Link>}
      </span></td>
    </tr>
  );
}
