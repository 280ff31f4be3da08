// The patterns of the lines of a query: what kinds of lines there are, how many of each and when, new kinds first.
// A click narrows the query to a pattern or leaves it out. The server counts every line (docs/api/loki.md, "Patterns");
// what it could not count stands above the list.
import { useMemo } from 'preact/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { query_patterns, type LogPattern } from '../api/loki';
import { new_patterns } from '../api/obelisk';
import { level_of } from '../format/colors';
import { count, percent } from '../format/numbers';
import { Sparkline } from '../parts/sparkline';
import { Empty, Loading, NotRun, Partial } from '../parts/states';
import { add_pattern_filter, is_new_pattern, stream_selector } from '../state/logql_text';
import { format_duration_short, step_seconds, type ResolvedRange } from '../state/time_range';
import css from './log_patterns.module.css';

const sparkline_steps = 40;
const since_least_ms = 24 * 3_600_000;

interface Row extends LogPattern {
  lines: number;
  fresh: boolean;
}

// What varies stands back, so that what a line says is read first.
function Text({ pattern }: { pattern: string }) {
  return <>{pattern.split('<_>').map((part, index) => <span key={index}>{index > 0 && <span class={css.varies}>&lt;_&gt;</span>}{part}</span>)}</>;
}

export function LogPatterns({ query, range, run, switcher }: { query: string; range: ResolvedRange; run(text: string): void; switcher: preact.ComponentChildren }) {
  const step = step_seconds(range, sparkline_steps, 10);
  const answer = useQuery({
    queryKey: ['patterns', query, range.from_ms, range.to_ms, step], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => query_patterns(query, range, step, signal),
  });
  // New is what no line of these streams had in the day before, or in the length of the range where that is longer.
  const since_ms = Math.max(since_least_ms, range.to_ms - range.from_ms);
  const selector = stream_selector(query);
  const fresh = useQuery({
    queryKey: ['new patterns', selector, range.from_ms, range.to_ms], enabled: selector !== null,
    queryFn: ({ signal }) => new_patterns(selector!, since_ms, range, signal),
  });
  const rows = useMemo<Row[]>(() => {
    const whole = query.trim() === selector;
    const found = (answer.data?.patterns ?? []).map((one) => {
      const lines = one.series.values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
      return { ...one, lines, fresh: is_new_pattern(one.pattern, lines, fresh.data ?? [], whole) };
    });
    return found.sort((left, right) => Number(right.fresh) - Number(left.fresh) || right.lines - left.lines);
  }, [answer.data, fresh.data]);
  const total = rows.reduce((sum, row) => sum + row.lines, 0) + (answer.data?.other_lines ?? 0);
  const news = rows.filter((row) => row.fresh).length;
  return (
    <section class={`panel ${css.panel}`} aria-label="Patterns of the lines">
      <header>{switcher}<span class="t3">{answer.data && `${count(rows.length)} patterns of ${count(total)} lines${news > 0 ? `, ${count(news)} new since ${format_duration_short(since_ms)} before` : ''}`}</span></header>
      <Loading on={answer.isFetching} what="patterns" />
      {answer.data?.warnings.map((warning) => <Partial key={warning}>{warning}</Partial>)}
      {fresh.error && <Partial>Which patterns are new could not be told: {fresh.error.message}</Partial>}
      {answer.error ? <NotRun error={answer.error} retry={() => void answer.refetch()} hint="The lines can still be read as a list." />
        : rows.length === 0 && !answer.isFetching ? <Empty title="No lines match in this range." /> : (
          <ul class={`${css.rows}${answer.isPlaceholderData ? ' stale' : ''}`}>
            {rows.map((row) => {
              const level = level_of(row.level);
              return (
                <li key={`${row.level} ${row.pattern}`} class={css.row} style={{ borderLeftColor: `var(--level-${level})` }}>
                  <span class={css.count}><b>{count(row.lines)}</b> <span class="t3">{percent(row.lines / Math.max(1, total))}</span></span>
                  <Sparkline series={row.series} range={range} color={`var(--level-${level})`} />
                  <span class={css.level}>{level === 'unknown' ? '' : level}</span>
                  <button type="button" class={css.text} title="Only lines of this pattern" onClick={() => run(add_pattern_filter(query, row.pattern, '|>'))}><Text pattern={row.pattern} /></button>
                  {row.fresh && <span class="tag warn">new</span>}
                  <button type="button" class="btn sm" aria-label={`Without lines of the pattern ${row.pattern}`} title="Without these lines" onClick={() => run(add_pattern_filter(query, row.pattern, '!>'))}>≠</button>
                </li>
              );
            })}
          </ul>
        )}
    </section>
  );
}
