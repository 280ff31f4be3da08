// A store with a lot in it, for measuring the interface: one trace of many spans, 50 series x 1,000 points, and log lines.
import assert from 'node:assert/strict';

export const bigTraceId = 'cd'.repeat(16);
export const bigTraceSpans = 10_000;

export async function fill(server, lineCount) {
  const spans = bigTraceSpans;
  const now = BigInt(Date.now()) * 1_000_000n;
  const hex = (number) => (number + 1).toString(16).padStart(16, '0');
  const services = ['order-service', 'inventory-service', 'payment-service', 'notification-service'];
  for (const [place, service] of services.entries()) {
    const own = [];
    for (let index = place; index < spans; index += services.length) {
      const begin = now - 60_000_000_000n + BigInt(index) * 100_000n;
      own.push({ traceId: bigTraceId, spanId: hex(index), parentSpanId: index === 0 ? '' : hex(Math.floor((index - 1) / 3)), name: `operation ${index % 40}`, kind: index % 10 === 0 ? 2 : 1,
        startTimeUnixNano: String(begin), endTimeUnixNano: String(begin + (index === 0 ? 2_000_000_000n : 3_000_000n)), status: index % 501 === 0 ? { code: 2 } : {}, attributes: [{ key: 'index', value: { intValue: String(index) } }] });
    }
    const answer = await server.postJson('/v1/traces', { resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] }, scopeSpans: [{ spans: own }] }] });
    assert.equal(answer.status, 200, answer.text);
  }
  const end = Date.now();
  for (let point = 0; point < 1000; point += 100) {
    const dataPoints = [];
    for (let series = 0; series < 50; series++) {
      for (let index = point; index < point + 100; index++) {
        dataPoints.push({ attributes: [{ key: 'series', value: { stringValue: `s${series}` } }], timeUnixNano: String(BigInt(end - (1000 - index) * 3000) * 1_000_000n), asDouble: series + Math.sin(index / 20 + series) * 3 });
      }
    }
    const answer = await server.postJson('/v1/metrics', { resourceMetrics: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'bench' } }] }, scopeMetrics: [{ metrics: [{ name: 'bench_value', gauge: { dataPoints } }] }] }] });
    assert.equal(answer.status, 200, answer.text);
  }
  const batch = 20_000;
  for (let done = 0; done < lineCount; done += batch) {
    const values = [];
    for (let index = done; index < Math.min(lineCount, done + batch); index++) {
      values.push([String(BigInt(end) * 1_000_000n - BigInt(lineCount - index) * 800_000n), `{"event":"order_received","level":"${index % 50 === 0 ? 'error' : 'info'}","quantity":${index % 10},"item":"item ${index % 97}"}`]);
    }
    const answer = await server.postJson('/loki/api/v1/push', { streams: [{ stream: { service: services[(done / batch) % 4] }, values }] });
    assert.ok(answer.status < 300, `${answer.status} ${answer.text}`);
  }
}
