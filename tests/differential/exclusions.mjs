// Differences between Prometheus 2.42 and 3.14 that are changes of Prometheus, each with the change. A difference
// that none of these explains fails the run.
//
// Kept out by the generated data and grammar instead: left-open ranges (3.0; no sample on a window's edge),
// holt_winters renamed (3.0), `.` matching newlines in regular expressions (3.0), durations as numbers (3.0),
// native histograms.

// Sums in another order or with another compensation, where what remains is rounding of numbers that cancelled.
const isNoise = ([a, b]) => a !== undefined && b !== undefined && Math.abs(a - b) < 1e-6;

const valuesOf = (answer) => {
  const all = new Map();  // of each time: the values, in order
  for (const one of answer.data.result) {
    for (const [time, value] of one.values ?? [one.value]) all.set(time, [...(all.get(time) ?? []), Number(value).toPrecision(12)]);
  }
  return JSON.stringify([...all].sort((a, b) => a[0] - b[0]).map(([time, values]) => [time, values.sort()]));
};

const has = (pattern) => (query) => pattern.test(query);
const hasStandardDeviation = has(/\b(stddev|stdvar)\b/);
const hasOddNumbers = has(/odd|Inf|NaN|scalar|\/|%|\^|ln|log|sqrt|quantile|acos|asin|atanh|exp|sinh|cosh/);

// Where a text is none of the language to Prometheus 2.42, by the words it complains of.
const isNewSyntax = (expected) =>
  // 3.0 (#9138, #14404): a duration is a number of seconds, and a number a duration.
  /unexpected (duration|number) |missing unit character in duration|not a valid duration|bad duration syntax/.test(expected.error) ||
  // 3.0 (#14505): quoted label and metric names.
  /unexpected string .* in (label matching, expected identifier or "}"|grouping opts, expected label)/.test(expected.error) ||
  // 3.12 and 3.14: start() and end() are functions; durations are expressions, which signs and parentheses begin.
  /unexpected "\("( in aggregation)?$|unexpected (<op:[-+]>|"\(") in offset, expected duration|unexpected (<op:.>|"\(") in subquery/.test(expected.error);

export const exclusions = [
  {
    name: 'syntax that is newer',
    change: '3.0 to 3.14: durations as numbers and expressions, quoted names, start() and end(), histograms trimmed by </ and >/',
    explains: (query, { kind, expected, actual }) => kind === 'error' && expected.status !== 'success' &&
      (actual.status === 'success' || actual.errorType !== 'bad_data') &&
      (isNewSyntax(expected) || /<\/|>\//.test(query) || (/trailing commas/.test(expected.error) && /,\s*\d+[smhdwy]/.test(query))),
  },
  {
    name: 'a pinned range, or a string, in parentheses',
    change: 'by 3.0: before, a query that was nothing but that failed to be evaluated',
    explains: (query, { kind, expected }) => kind === 'error' && /unexpected number of samples|evaluation: \*parser.StepInvariantExpr/.test(expected.error ?? ''),
  },
  {
    name: 'a subquery of millions of steps',
    change: "no change: here a step costs its place whether it has a sample or not, and the query's memory is bounded",
    explains: (query, { kind, expected, actual }) => kind === 'error' && expected.status === 'success' &&
      /memory budget/.test(actual.error) && /\[\d+[yw][^\]]*:/.test(query),
  },
  {
    name: 'any UTF-8 label name',
    change: '3.0 (#14696): UTF-8 names are valid, so label_replace and label_join accept any name',
    explains: (query, { kind, expected }) => kind === 'error' && expected.status !== 'success' && /invalid (source|destination) label name/.test(expected.error),
  },
  {
    name: 'atan2 drops the metric name',
    change: '2.46 (#12595): before, it kept it',
    explains: (query, { kind }) => kind !== 'value' && /\batan2\b/.test(query),
  },
  {
    name: 'deviation of one NaN or infinity is NaN',
    change: '3.0 (#14941): before, a group that began with one gave 0',
    explains: (query, { kind, pairs }) => kind !== 'error' && hasStandardDeviation(query) &&
      (hasOddNumbers(query) || pairs.every(([a, b]) => a === 0 && Number.isNaN(b))),
  },
  {
    name: 'comparisons check their matching before they filter',
    change: '3.9 (#17668): before, what the comparison filtered away did not count as a match',
    explains: (query, { kind, expected, actual }) => kind === 'error' && expected.status === 'success' &&
      /multiple matches for labels/.test(actual.error),
  },
  {
    name: 'rate stops at half an interval before it looks for the zero point',
    change: '2.51 (#13725): before, it reached back to the zero point though the series began later',
    explains: (query, { kind }) => kind === 'value' && /\b(rate|increase)\(/.test(query),
  },
  {
    name: 'a range pinned by @ keeps its samples',
    change: '2.50 (#13559): before, predict_linear lost samples of such a range from step to step',
    explains: (query, { kind }) => kind !== 'error' && /predict_linear\(.*@/.test(query),
  },
  {
    name: 'count_values by labels that do not come last',
    change: '2.52 (aggregations rewritten, see #15896): before, the grouping with the value\'s label behind it was not sorted, so labels got lost',
    explains: (query, { kind }) => kind !== 'error' && /count_values by \(/.test(query),
  },
  {
    name: 'which of equal values topk keeps',
    change: 'no change: Go walks maps in random order, so the order of the operand is not the same from run to run',
    explains: (query, { kind, expected, actual }) => /\b(topk|bottomk)\b/.test(query) && (kind === 'error' ?
      // Series of one match group or of several, by which instance of equals was kept.
      /duplicate series for the match group|multiple matches/.test((actual.error ?? '') + (expected.error ?? '')) :
      !/^(topk|bottomk)\b/.test(query) || valuesOf(expected) === valuesOf(actual)),
  },
  {
    name: 'a subquery without a step in its range evaluates nothing',
    change: '3.x (evaluation returns early when its end lies before its start): before, what @ pins was evaluated all the same',
    explains: (query, { kind, expected, actual }) => kind === 'error' && actual.status === 'success' &&
      /@.*:|:\w*\]\s*@/.test(query) &&
      /same labelset|multiple matches|duplicate series/.test(expected.error),
  },
  {
    name: 'series that become equal at different times are joined',
    change: '3.9 and 3.12 (#17678, #17703, #17708, #18631): unary minus, label_replace, label_join and functions of a range refuse equal label sets only where they have a sample at the same time; before, in all of a range query',
    explains: (query, { kind, expected, actual }, question) => kind === 'error' && question.endpoint === 'query_range' &&
      actual.status === 'success' && /same labelset/.test(expected.error),
  },
  {
    name: 'slopes of powers',
    change: "no change: Go's own pow ends on another last bit than the C library's, and nothing but the last digits is left of sums of squares of points that lie close to each other",
    explains: (query, { kind, pairs }) => kind === 'value' && /\b(deriv|predict_linear)\(/.test(query) && /\^|exp\(|sinh|cosh/.test(query) &&
      pairs.every(([a, b]) => Math.abs(a - b) < 1e-6 * Math.abs(b)),
  },
  {
    name: 'rounding of sums that cancel',
    change: '2.53 to 3.5 (#14074, #16773): sum and avg compensate, avg divides once',
    explains: (query, { kind, pairs }) => kind === 'value' && /\b(sum|avg|stddev|stdvar|deriv|predict_linear)/.test(query) && pairs.every(isNoise),
  },
  {
    name: 'compensated sums that run over are infinite',
    change: '2.53 (#14074): the compensation of an infinite sum is dropped; before, it made the sum NaN',
    explains: (query, { kind, pairs }) => kind === 'value' && /\b(stddev|stdvar|sum|avg)/.test(query) && /\b(sinh|cosh|exp)\(|\^/.test(query) &&
      pairs.every(([a, b]) => Number.isNaN(a) && Math.abs(b) === Infinity),
  },
  {
    name: 'deviations of numbers far from zero',
    change: 'no change: Go walks maps in random order, so what a function gives is added in another order from run to run; of points in time as seconds the last bit of the mean is a millionth of the deviation',
    explains: (query, { kind, pairs }) => kind === 'value' && hasStandardDeviation(query) && /timestamp|time\(/.test(query) &&
      pairs.every(([a, b]) => a !== undefined && b !== undefined && Math.abs(a - b) < 1e-6 * Math.abs(b)),
  },
  {
    name: 'deviations and differences of means of large numbers',
    change: '2.53 to 3.5 (#14074, #16773): means are compensated; of means of points in time their last bit is a millionth of the deviation',
    explains: (query, { kind, pairs }) => kind === 'value' && /\b(stddev_over_time|stdvar_over_time|i?delta|i?rate|increase|deriv)\(.*\bavg(_over_time)?\b/.test(query) && /timestamp|time\(\)/.test(query) &&
      pairs.every(([a, b]) => a !== undefined && b !== undefined && Math.abs(a - b) < 1e-6 * Math.abs(b)),
  },
  {
    name: 'rounding seen through a step',
    change: '2.53 to 3.5 (#14074, #16773), where a comparison, a date or rounding turns the last bit into a whole step',
    // One last bit that changes counts in every window of a subquery that reaches over it.
    explains: (query, { kind, pairs, points }) => kind === 'value' &&
      (pairs.length <= Math.max(2, points * 0.05) || /\b(changes|resets)\(.*\bavg(_over_time)?\b.*:/.test(query)) &&
      /\b(sum|avg|stddev|stdvar|deriv|predict_linear|rate|increase)/.test(query) &&
      /[<>=]=?|\b(ceil|floor|round|sgn|minute|hour|day_of|month|year|days_in|changes|resets)|%/.test(query),
  },
  {
    name: 'differences of arc and hyperbolic functions that hardly differ',
    change: "no change: Go's own atan, asin, acos, sinh, cosh and exp end on another last bit than the C library's, and nothing but that bit is left of a difference",
    explains: (query, { kind, pairs }) => kind === 'value' && /\b(atan|asin|acos|sinh|cosh|tanh|exp)\(|\batan2\b/.test(query) && /\b(irate|idelta|rate|delta|increase|deriv)\(| - /.test(query) &&
      pairs.every(([a, b]) => Math.abs(a - b) < 1e-14),
  },
  {
    name: 'a sine of a mean of very large numbers',
    change: '2.53 to 3.5 (#14074, #16773): sum and avg compensate, avg divides once; a sine of 1e9 shows the last bit',
    explains: (query, { kind }) => kind === 'value' && /\b(sin|cos|tan)\(/.test(query) && /\b(avg|sum|stddev|stdvar)/.test(query),
  },
  {
    name: 'trigonometry and remainders of very large numbers',
    change: "no change: Go's own exp, pow and atan2 end on another last bit than the C library's, and a sine of 1e9 shows it",
    explains: (query, { kind }) => kind === 'value' && /(\b(sin|cos|tan)\(|%)/.test(query) && (/exp|\^|sinh|cosh|atan2/.test(query) || /%.*\b(sin|cos|tan)\(/.test(query)),
  },
];
