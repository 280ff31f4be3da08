// The fields of log lines: where each comes from, their values in the loaded lines, and their counts over the whole range.
import { useMemo, useState } from 'preact/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { query_log_instant, type LogLine } from '../api/loki';
import { fields_of } from '../api/obelisk';
import { count } from '../format/numbers';
import { message_of } from '../parts/states';
import { field_name, top_values_query, type FieldSource } from '../state/logql_text';
import { format_duration_short, type ResolvedRange } from '../state/time_range';
import css from './logs.module.css';

export type Filter = (name: string, operator: '=' | '!=', value: string, source: FieldSource) => void;

export function source_of(line: LogLine, name: string, stream_names: string[]): FieldSource {
  if (stream_names.includes(name)) return 'stream';
  if (line.labels[name] !== undefined) return 'metadata';
  return line.text.trimStart().startsWith('{') ? 'json' : 'logfmt';
}

const fields_lines_max = 200;
const values_kept_max = 50;

// Names and values in the newest lines: what a filter behind a parser may be completed with.
export function fields_in(lines: LogLine[]): { name: string; values: string[] }[] {
  const found = new Map<string, Set<string>>();
  for (const line of lines.slice(0, fields_lines_max)) {
    for (const [name, value] of Object.entries(fields_of(line))) {
      const values = found.get(field_name(name)) ?? new Set<string>();
      if (values.size < values_kept_max && value.length <= 200) values.add(value);
      found.set(field_name(name), values);
    }
  }
  return [...found].map(([name, values]) => ({ name, values: [...values].sort() })).sort((left, right) => left.name.localeCompare(right.name));
}

export function Fields({ lines, query, range, stream_names, filter }: { lines: LogLine[]; query: string; range: ResolvedRange; stream_names: string[]; filter: Filter }) {
  const [text, set_text] = useState('');
  const [open, set_open] = useState<string | null>(null);
  const names = useMemo(() => {
    const found = new Map<string, { lines: number; source: FieldSource }>();
    for (const line of lines.slice(0, 1000)) {
      for (const name of Object.keys(fields_of(line))) {
        const known = found.get(name);
        if (known) known.lines++;
        else if (found.size < 500) found.set(name, { lines: 1, source: source_of(line, name, stream_names) });
      }
    }
    return [...found].map(([name, { lines: number, source }]) => ({ name, number, source })).sort((left, right) => right.number - left.number || left.name.localeCompare(right.name));
  }, [lines, stream_names]);
  const shown = names.filter(({ name }) => name.toLowerCase().includes(text.toLowerCase()));
  return (
    <aside class={`panel ${css.fields}`} aria-label="Fields" tabIndex={0}>
      <div style={{ padding: '8px' }}><input class="input" style={{ width: '100%' }} type="search" placeholder="Find a field" aria-label="Find a field" value={text} onInput={(event) => set_text(event.currentTarget.value)} /></div>
      <p class="t3 xs" style={{ padding: '0 12px 4px' }}>Fields of the newest {count(Math.min(1000, lines.length))} lines; counts when opened are of the whole range</p>
      {shown.slice(0, 200).map(({ name, source }) => (
        <details key={name} open={open === name} onToggle={(event) => event.currentTarget.open ? set_open(name) : open === name && set_open(null)}>
          <summary><bdi class="ell">{name}</bdi></summary>
          {open === name && <FieldValues name={name} source={source} query={query} range={range} filter={filter} />}
        </details>
      ))}
    </aside>
  );
}

function FieldValues({ name, source, query, range, filter }: { name: string; source: FieldSource; query: string; range: ResolvedRange; filter: Filter }) {
  const span = format_duration_short(Math.ceil((range.to_ms - range.from_ms) / 1000) * 1000);
  const answer = useQuery({
    queryKey: ['field', name, source, query, range.from_ms, range.to_ms], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => query_log_instant(top_values_query(query, name, source, span), range.to_ms, signal),
  });
  if (answer.error) return <p class="s crit pre" style={{ padding: '0 12px 8px 24px' }}>▲ {message_of(answer.error)}</p>;
  if (!answer.data) return <p class="s t3" style={{ padding: '0 12px 8px 24px' }}>Counting …</p>;
  const values = [...answer.data].sort((left, right) => right.value - left.value);
  return (
    <ul>
      {values.map(({ labels, value }) => {
        const text = Object.values(labels)[0] ?? '';
        return <li key={text}><button type="button" title={`Only ${text}`} onClick={() => filter(name, '=', text, source)}><bdi>{text.slice(0, 120)}</bdi></button><span class="num t2">{count(value)}</span>
          <button type="button" class="btn ghost mini" aria-label={`Not ${text.slice(0, 60)}`} title="Not these" onClick={() => filter(name, '!=', text, source)}>≠</button></li>;
      })}
      {values.length === 0 && <li class="t3">No values in this range.</li>}
      {values.length === 12 && <li class="t3">The 12 most frequent.</li>}
    </ul>
  );
}
