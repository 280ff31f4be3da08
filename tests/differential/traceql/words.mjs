// What is put into queries to damage them.
export const words = ['(', ')', '{', '}', '{}', ',', '.', '|', '||', '&&', '!', '=', '!=', '=~', '!~', '<', '<=', '<<', '>', '>>', '~', '&>', '&>>', '&<<',
  '&~', '!>', '!>>', '!<', '!<<', '+', '-', '*', '/', '%', '^', 'span.', 'resource.', '.a', 'parent.', 'parent', 'event.', 'event:name', 'link:spanID',
  'name', 'duration', 'status', 'error', 'kind', 'server', 'true', 'nil', '1', '2.5', '.5', '1s', '1.5h', '"x"', '`y`', '"', 'by(.s)', 'coalesce()',
  'select(name)', 'count()', 'max(duration)', 'avg(.i)', '> 1', 'rate()', 'topk(1)', 'bottomk(0)', 'compare({true})', 'with(sample=1)',
  'quantile_over_time(duration, 0.5)', '//', '/*', 'minInt', 'maxInt', 'é', '\\', '[', ';', 'span:id', 'trace:', '1e999', '99999999999999999999', 'childCount'];
