import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NamespacedMetricExporter } from './namespaced_metric_exporter.mjs';

test('every metric gets the prefix, the original stays as it was', () => {
  const exported = [];
  const inner = { export: (metrics, done) => (exported.push(metrics), done({ code: 0 })) };
  const metric = (name) => ({ descriptor: { name, unit: 's' }, dataPoints: [name] });
  const original = {
    resource: 'r',
    scopeMetrics: [
      { scope: 'one', metrics: [metric('http_requests_total'), metric('b')] },
      { scope: 'two', metrics: [metric('c')] },
    ],
  };
  let result;
  new NamespacedMetricExporter(inner, 'app').export(original, (outcome) => (result = outcome));
  assert.deepEqual(result, { code: 0 });
  const names = exported[0].scopeMetrics.flatMap(({ metrics }) =>
    metrics.map(({ descriptor }) => descriptor.name),
  );
  assert.deepEqual(names, ['app_http_requests_total', 'app_b', 'app_c']);
  assert.deepEqual(exported[0].scopeMetrics[0].metrics[0].dataPoints, ['http_requests_total']);
  assert.equal(exported[0].scopeMetrics[0].metrics[0].descriptor.unit, 's');
  assert.equal(exported[0].resource, 'r');
  assert.equal(original.scopeMetrics[0].metrics[0].descriptor.name, 'http_requests_total');
});
