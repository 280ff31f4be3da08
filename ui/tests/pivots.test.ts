import { describe, expect, test } from 'vitest';
import { alert_queries, alert_range, alert_sides, histograms_in, quoted, recorded_expressions, selector, span_red_queries, metric_names_in, traceql_of_edge, traceql_of_series } from '../src/state/pivots';
import { add_filter, add_pattern_filter, as_logql, count_query, has_parser, is_metric_query, is_new_pattern, stream_selector, top_values_query } from '../src/state/logql_text';
import { is_metrics_query } from '../src/views/trace_metrics';

describe('alert to metric', () => {
  const burn = 'slo:sli_error:ratio_rate5m{slo="orders-latency"} > 14.4 * 0.01\nand\nslo:sli_error:ratio_rate30s{slo="orders-latency"} > 14.4 * 0.01\n';
  test('a burn rate alert becomes its two ratios and one threshold', () => {
    expect(alert_queries(burn)).toEqual(['slo:sli_error:ratio_rate5m{slo="orders-latency"}', 'slo:sli_error:ratio_rate30s{slo="orders-latency"}', '14.4 * 0.01']);
  });
  test('operators inside strings, brackets and names do not split', () => {
    expect(alert_sides('sum(rate(x{path=~"a and b > c"}[5m])) > 3')).toEqual([{ query: 'sum(rate(x{path=~"a and b > c"}[5m]))', threshold: '3' }]);
    expect(alert_sides('(a > bool b) * 2')).toEqual([{ query: '(a > bool b) * 2', threshold: null }]);
    expect(alert_queries('brand_orders > 1')).toEqual(['brand_orders', '1']);
    expect(alert_queries('(up{job="a"} == 0)')).toEqual(['up{job="a"}', '0']);
  });
  test('a comparison of two series is drawn as it is', () => {
    expect(alert_sides('a / b > c')).toEqual([{ query: 'a / b > c', threshold: null }]);
  });
  test('matching modifiers go with their operator', () => {
    expect(alert_queries('a > 1 and on (job) b > 2')).toEqual(['a', 'b', '1', '2']);
  });
  test('unbalanced text ends', () => {
    expect(alert_queries('((a > 1')).toEqual(['((a > 1']);
    expect(alert_queries('')).toEqual([]);
  });
  test('the range begins ten minutes before', () => {
    const active = Date.parse('2026-05-03T06:40:15Z');
    expect(alert_range(active, active + 75_000)).toEqual({ from: '2026-05-03T06:30:15.000Z', to: '2026-05-03T06:41:30.000Z' });
    expect(alert_range(active, active).to).toBe('2026-05-03T06:40:45.000Z');
    expect(alert_range(active, active + 86_400_000).to).toBe('2026-05-03T07:40:15.000Z');
  });
});

describe('recorded series', () => {
  const rules = [
    { type: 'recording', name: 'slo:r5m', query: 'one', labels: { slo: 'latency' } },
    { type: 'recording', name: 'slo:r5m', query: 'two', labels: { slo: 'availability' } },
    { type: 'recording', name: 'slo:r5', query: 'three' },
    { type: 'alerting', name: 'slo:r5m', query: 'four' },
  ];
  test('the rule whose labels fit', () => {
    expect(recorded_expressions('slo:r5m{slo="latency"} > 1', rules)).toEqual([{ name: 'slo:r5m', query: 'one' }]);
    expect(recorded_expressions('slo:r5m', rules).map(({ query }) => query)).toEqual(['one', 'two']);
    expect(recorded_expressions('other', rules)).toEqual([]);
  });
  test('metric names, and nothing else', () => {
    expect(metric_names_in('sum by (job, http_status) (rate(no_such{http_status=~"5..", a="b_c"}[5m] offset 1h)) / on (job) group_left up > bool 0.5')).toEqual(['no_such', 'up']);
    expect(metric_names_in('histogram_quantile(0.9, x:y_bucket)')).toEqual(['x:y_bucket']);
  });
  test('histograms and their matchers', () => {
    expect(histograms_in('rate(http_seconds_bucket{job="a", le="0.25"}[5m]) / rate(http_seconds_count{job="b"}[5m])')).toEqual([{ name: 'http_seconds', labels: { job: 'a' } }]);
  });
});

describe('text from telemetry is quoted', () => {
  test('strings', () => {
    expect(quoted('a"b\\c\nd')).toBe('"a\\"b\\\\c\\nd"');
    expect(selector({ job: 'a"}', 'http.route': '/x' })).toBe('{job="a\\"}", "http.route"="/x"}');
    expect(traceql_of_edge('a"', 'b')).toBe('{ resource.service.name = "a\\"" } >> { resource.service.name = "b" }');
    expect(span_red_queries('s', 'GET /{id}', '1m')[1]).toBe('sum(rate(traces_spanmetrics_calls_total{service="s", span_name="GET /{id}"}[1m]))');
  });
  test('series to spans', () => {
    expect(traceql_of_series({ job: 'order-service', endpoint: '/stock/{item}' })).toBe('{ resource.service.name = "order-service" && name =~ ".*/stock/\\\\{item\\\\}" }');
    expect(traceql_of_series({ le: '1' })).toBeNull();
  });
});

describe('LogQL by clicking', () => {
  test('filters', () => {
    expect(add_filter('{a="x"} |= "}"', 'b', '=', 'y', 'stream')).toBe('{a="x", b="y"} |= "}"');
    expect(add_filter('{a="}"}', 'level', '!=', 'in"fo', 'json')).toBe('{a="}"} | json | level!="in\\"fo"');
    expect(add_filter('{a="x"} | json', 'http.route', '=', '/', 'json')).toBe('{a="x"} | json | http_route="/"');
    expect(add_filter('{a="x"}', 'trace_id', '=', 'f', 'metadata')).toBe('{a="x"} | trace_id="f"');
    expect(has_parser('{a="| json"}')).toBe(false);
  });
  test('patterns', () => {
    expect(stream_selector('{a="}", b=`x`} |= "}" | json')).toBe('{a="}", b=`x`}');
    expect(stream_selector('a')).toBeNull();
    const fresh = [{ pattern: 'lost (<_>) red', lines: 3 }, { pattern: 'lost (<_>) blue', lines: 2 }];
    expect(is_new_pattern('lost (<_>) red', 9, fresh, false)).toBe(true);
    expect(is_new_pattern('lost (<_>) <_>', 5, fresh, true)).toBe(true);
    expect(is_new_pattern('lost (<_>) <_>', 6, fresh, true)).toBe(false);
    expect(is_new_pattern('lost (<_>) <_>', 5, fresh, false)).toBe(false);
    expect(is_new_pattern('found <_>', 0, fresh, true)).toBe(false);
    expect(add_pattern_filter('{a="x"} | json ', 'took <_> "ms"', '|>')).toBe('{a="x"} | json |> `took <_> "ms"`');
    expect(add_pattern_filter('{a="x"} # all', 'a ` b', '!>')).toBe('{a="x"} # all\n!> "a ` b"');
  });
  test('plain text is searched for', () => {
    expect(as_logql('payment "failed', '{s=~".+"}')).toBe('{s=~".+"} |= "payment \\"failed"');
    expect(as_logql(' {a="b"} ', '')).toBe('{a="b"}');
    expect(as_logql('sum by (x) (rate({a="b"}[1m]))', '')).toContain('sum by');
    expect(as_logql('', '{s=~".+"}')).toBe('{s=~".+"}');
    expect(is_metric_query('rate({a="b"}[1m])')).toBe(true);
    expect(is_metric_query(' {a="b"}')).toBe(false);
  });
  test('counting queries', () => {
    expect(count_query('{a="b"}', '5s', null)).toBe('sum by (level, detected_level, severity_text) (count_over_time({a="b"} [5s]))');
    expect(count_query('{a="b"}', '5s', 'severity')).toContain('{a="b"} | json level="severity" | drop __error__');
    expect(count_query('{a="b"} | json', '5s', 'level')).toContain('{a="b"} | json [5s]');
    expect(top_values_query('{a="b"}', 'item', 'json', '15m')).toBe('topk(12, sum by (item) (count_over_time({a="b"} | json | item!="" [15m])))');
  });
});

describe('TraceQL', () => {
  test('metrics queries', () => {
    expect(is_metrics_query('{ } | rate() by (name)')).toBe(true);
    expect(is_metrics_query('{ name = "rate(" }')).toBe(false);
  });
});
