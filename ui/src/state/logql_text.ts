// Small changes to a LogQL text by clicking: filters in the selector or as a stage, and the counting queries behind it.
import { quoted } from './pivots';

// Where the selector's closing brace is; strings may hold braces.
function selector_end(query: string): number {
  let quote: string | null = null;
  for (let index = 0; index < query.length; index++) {
    const char = query[index];
    if (quote) {
      if (char === '\\' && quote !== '`') index++;
      else if (char === quote) quote = null;
    } else if (char === '"' || char === '`') quote = char;
    else if (char === '}') return index;
  }
  return -1;
}

export function has_parser(query: string): boolean {
  return /\|\s*(json|logfmt|unpack|pattern|regexp)\b/.test(query.replace(/"(?:[^"\\]|\\.)*"|`[^`]*`/g, ''));
}

// A name as LogQL's parsers write it.
export function field_name(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(\d)/, '_$1');
}

export type FieldSource = 'stream' | 'metadata' | 'json' | 'logfmt';

export function add_filter(query: string, name: string, operator: '=' | '!=', value: string, source: FieldSource): string {
  const end = selector_end(query);
  if (end < 0) return query;
  const condition = `${field_name(name)}${operator}${quoted(value)}`;
  if (source === 'stream') {
    const inside = query.slice(query.indexOf('{') + 1, end).trim();
    return `${query.slice(0, query.indexOf('{'))}{${inside === '' ? '' : `${inside}, `}${condition}}${query.slice(end + 1)}`;
  }
  return `${with_parser(query, source)} | ${condition}`;
}

// The stream selector alone; null where there is none.
export function stream_selector(query: string): string | null {
  const begin = query.indexOf('{'), end = selector_end(query);
  return begin < 0 || end < begin ? null : query.slice(begin, end + 1);
}

// Whether a pattern is among those new since then. Patterns that are alike are shown as one, which is new when the new ones
// that it covers have all its lines: `whole` says that lines of the list and of the new ones are counted alike.
export function is_new_pattern(pattern: string, lines: number, fresh: { pattern: string; lines: number }[], whole: boolean): boolean {
  if (fresh.some((one) => one.pattern === pattern)) return true;
  if (!whole) return false;
  const covers = new RegExp(`^${pattern.split('<_>').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]+')}$`);
  return lines > 0 && fresh.reduce((sum, one) => sum + (covers.test(one.pattern) ? one.lines : 0), 0) >= lines;
}

// Patterns are of the lines as the query shows them, so the filter stands last. A comment would swallow it.
export function add_pattern_filter(query: string, pattern: string, operator: '|>' | '!>'): string {
  const text = pattern.includes('`') ? quoted(pattern) : `\`${pattern}\``;
  return `${query.trimEnd()}${query.includes('#') ? '\n' : ' '}${operator} ${text}`;
}

export function with_parser(query: string, source: FieldSource): string {
  return (source === 'json' || source === 'logfmt') && !has_parser(query) ? `${query.trimEnd()} | ${source}` : query.trimEnd();
}

export function is_logql(text: string): boolean {
  return /^\s*(?:[{(]|\w+\s*(by|without)?\s*\()/.test(text);
}

// Plain text is a search for that text in all lines; anything that begins with a brace is LogQL.
export function as_logql(text: string, everything: string): string {
  const trimmed = text.trim();
  if (trimmed === '') return everything;
  if (is_logql(trimmed)) return trimmed;
  return `${everything} |= ${quoted(trimmed.replace(/^"|"$/g, ''))}`;
}

export function is_metric_query(query: string): boolean {
  return !/^\s*\{/.test(query) && query.trim() !== '';
}

// Where the level of a line stands decides how it is counted: in labels and metadata for nothing, in JSON text by reading
// just that member of every line. Lines that are no JSON are counted without a level.
export function count_query(query: string, step: string, level_in_json: string | null): string {
  const read = level_in_json === null || has_parser(query) ? '' : ` | json level=${quoted(level_in_json)} | drop __error__, __error_details__`;
  return `sum by (level, detected_level, severity_text) (count_over_time(${query.trimEnd()}${read} [${step}]))`;
}

export function top_values_query(query: string, name: string, source: FieldSource, span: string): string {
  const field = field_name(name);
  return `topk(12, sum by (${field}) (count_over_time(${with_parser(query, source)} | ${field}!="" [${span}])))`;
}
