// Expressions with a word or two put in, taken out, doubled or swapped: most are none any more, and both must say so
// of the same ones.
const promqlWords = ['(', ')', '[', ']', '{', '}', ',', ':', '@', '+', '-', '*', '/', '%', '^', '==', '!=', '=~', '<', '>', 'bool', 'on', 'by',
  'without', 'group_left', 'offset', 'and', 'or', 'unless', 'sum', 'rate', 'topk', '5m', '1h30m', '"a"', "'b'", '`c`', '1', '0x1f', 'NaN',
  'inf', 'start()', 'end', ' ', '\n', '# c\n', '.5', '1e3', '1.', '5m5', '1d2h', 'ignoring ()', 'by ()', 'x:y', '__name__', 'instance',
  'time()', 'pi', '"\\n"', '"\\q"', '\u00e9', ';', '!', '=', '~', '$', '1y1w', '10', 'e', 'atan2', 'count_values', 'quantile'];

export function mutate(random, query, words = promqlWords) {
  const parts = query.match(/[a-zA-Z_:][a-zA-Z0-9_:]*|[0-9.]+[a-z]*|"[^"]*"|\s+|[=!<>]=|=~|!~|./g);
  for (let n = 1 + random.below(2); n > 0 && parts.length > 0; --n) {
    const at = random.below(parts.length);
    const to = random.below(parts.length);
    [() => parts.splice(at, 1), () => parts.splice(at, 0, random.pick(words)), () => { parts[at] = random.pick(words); },
      () => parts.splice(at, 0, parts[to]), () => { [parts[at], parts[to]] = [parts[to], parts[at]]; }][random.below(5)]();
  }
  return parts.join('');
}
