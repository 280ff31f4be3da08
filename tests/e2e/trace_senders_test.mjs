// Traces sent by the clients that people have: OpenTelemetry's exporters (OTLP by gRPC, protobuf and JSON; Zipkin), Jaeger's
// own client (Thrift by UDP and by HTTP, and its remote sampler) and Zipkin's own (v1 and v2).
// Each sends one order: a server span that failed, a client span below it, and an event; and each must be found whole.
// Usage: node tests/e2e/trace_senders_test.mjs --server BINARY
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Checks, until } from './stack/checks.mjs';
import { Server, argument, freePorts, scratchDirectory } from './stack/server.mjs';

const demo = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..', 'demo');
const require = createRequire(path.join(demo, 'package.json'));
const { SpanKind, SpanStatusCode, ROOT_CONTEXT, trace } = require('@opentelemetry/api');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');

const checks = new Checks();
const directory = scratchDirectory('trace-senders');
const [agentPort] = await freePorts(1);
const server = await new Server({
  binary: argument('server', 'build/release/obelisk'), directory,
  config: `jaeger_binary_listen: 127.0.0.1:${agentPort}\n`,  // what Jaeger's client for Node speaks to an agent
}).start();
const [, grpcPort, otlpPort] = server.ports;

// ---- what was stored, in one shape

const valueOf = (value) => value.stringValue ?? value.boolValue ?? value.doubleValue ?? (value.intValue === undefined ? undefined : Number(value.intValue));
const attributesOf = (list) => Object.fromEntries((list ?? []).map(({ key, value }) => [key, valueOf(value)]));
const idOf = (base64) => Buffer.from(base64 ?? '', 'base64').toString('hex');

async function stored(traceId, count) {
  return until(`trace ${traceId} with ${count} spans`, async () => {
    const response = await fetch(`${server.url}/api/v2/traces/${traceId}`);
    if (response.status !== 200) throw new Error(`${response.status}`);
    const spans = (await response.json()).trace.resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans.map((span) => ({
      ...span, id: idOf(span.spanId), parent: idOf(span.parentSpanId), attributes: attributesOf(span.attributes),
      service: attributesOf(resource.resource.attributes)['service.name'],
      events: (span.events ?? []).map((event) => ({ ...event, attributes: attributesOf(event.attributes) })),
      millis: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6,
    }))));
    return spans.length === count && spans;
  }, 60);
}

async function searched(query, traceId) {
  const found = await (await fetch(`${server.url}/api/search?q=${encodeURIComponent(query)}`)).json();
  assert.ok(found.traces.some((one) => one.traceID.padStart(32, '0') === traceId.padStart(32, '0')), `${query} does not find ${traceId}: ${JSON.stringify(found).slice(0, 300)}`);
}

// ---- OpenTelemetry's exporters

async function sendByOpenTelemetry(service, exporter) {
  const provider = new BasicTracerProvider({ resource: resourceFromAttributes({ 'service.name': service }), spanProcessors: [new BatchSpanProcessor(exporter)] });
  const tracer = provider.getTracer('shop', '1.2');
  const begin = Date.now() - 60_000;
  const root = tracer.startSpan('POST /orders', { kind: SpanKind.SERVER, startTime: begin, attributes: { 'http.route': '/orders', items: 3, weight: 1.5, express: true } }, ROOT_CONTEXT);
  const child = tracer.startSpan('charge', { kind: SpanKind.CLIENT, startTime: begin + 10, attributes: { 'peer.service': 'bank' } }, trace.setSpan(ROOT_CONTEXT, root));
  child.addEvent('declined', { code: 51 }, begin + 30);
  child.setStatus({ code: SpanStatusCode.ERROR, message: 'card declined' });
  child.end(begin + 40);
  root.setStatus({ code: SpanStatusCode.ERROR });
  root.end(begin + 50);
  await provider.forceFlush();
  await provider.shutdown();
  return { traceId: root.spanContext().traceId, rootId: root.spanContext().spanId, childId: child.spanContext().spanId };
}

const exporters = {
  'otlp-grpc': () => new (require('@opentelemetry/exporter-trace-otlp-grpc').OTLPTraceExporter)({ url: `http://127.0.0.1:${grpcPort}` }),
  'otlp-grpc-gzip': () => new (require('@opentelemetry/exporter-trace-otlp-grpc').OTLPTraceExporter)({ url: `http://127.0.0.1:${grpcPort}`, compression: 'gzip' }),
  'otlp-proto': () => new (require('@opentelemetry/exporter-trace-otlp-proto').OTLPTraceExporter)({ url: `http://127.0.0.1:${otlpPort}/v1/traces` }),
  'otlp-proto-gzip': () => new (require('@opentelemetry/exporter-trace-otlp-proto').OTLPTraceExporter)({ url: `http://127.0.0.1:${otlpPort}/v1/traces`, compression: 'gzip' }),
  'otlp-json': () => new (require('@opentelemetry/exporter-trace-otlp-http').OTLPTraceExporter)({ url: `http://127.0.0.1:${otlpPort}/v1/traces` }),
  zipkin: () => new (require('@opentelemetry/exporter-zipkin').ZipkinExporter)({ url: `${server.url}/api/v2/spans` }),
};
for (const [name, make] of Object.entries(exporters)) {
  await checks.check(`OpenTelemetry's exporter: ${name}`, async () => {
    const isZipkin = name === 'zipkin';  // whose values are texts, and which has no statuses
    const text = (value) => (isZipkin ? String(value) : value);
    const { traceId, rootId, childId } = await sendByOpenTelemetry(`by-${name}`, make());
    const spans = await stored(traceId, 2);
    const root = spans.find((span) => span.id === rootId), child = spans.find((span) => span.id === childId);
    assert.deepEqual([root.name, root.kind, root.parent, root.millis, root.service], ['POST /orders', 'SPAN_KIND_SERVER', '', 50, `by-${name}`]);
    assert.deepEqual([child.name, child.kind, child.parent, child.millis, child.service], ['charge', 'SPAN_KIND_CLIENT', rootId, 30, `by-${name}`]);
    for (const [key, value] of Object.entries({ 'http.route': '/orders', items: 3, weight: 1.5, express: true })) assert.equal(root.attributes[key], text(value), key);
    assert.equal(child.attributes['peer.service'], 'bank');
    assert.equal(child.status.code, 'STATUS_CODE_ERROR');
    assert.equal(child.events.length, 1);
    assert.equal(child.events[0].name, 'declined');
    if (!isZipkin) {
      assert.equal(child.events[0].attributes.code, 51);
      assert.equal(child.status.message, 'card declined');
    }
    await searched(`{ resource.service.name = "by-${name}" && status = error } >> { name = "charge" }`, traceId);
  });
}

// ---- Jaeger's client

async function sendByJaeger(service, reporter, sampler) {
  const { initTracer } = require('jaeger-client');
  const failures = [];
  const logger = { info() {}, error: (message) => failures.push(message) };
  const tracer = initTracer({ serviceName: service, reporter: { flushIntervalMs: 50, ...reporter }, sampler }, { logger, tags: { region: 'eu' } });
  const begin = Date.now() - 60_000;
  const root = tracer.startSpan('POST /orders', { startTime: begin, tags: { 'span.kind': 'server', items: 3, weight: 1.5, express: true, error: true } });
  const child = tracer.startSpan('charge', { childOf: root.context(), startTime: begin + 10, tags: { 'span.kind': 'client', 'peer.service': 'bank' } });
  child.log({ event: 'declined', code: 51 }, begin + 30);
  child.finish(begin + 40);
  root.finish(begin + 50);
  await new Promise((resolve) => tracer.close(resolve));
  assert.deepEqual(failures, []);
  return { traceId: root.context().traceIdStr, rootId: root.context().spanIdStr, childId: child.context().spanIdStr };
}

const reporters = {
  'agent, Thrift binary by UDP': { agentHost: '127.0.0.1', agentPort },
  'collector, Thrift by HTTP': { collectorEndpoint: `${server.url}/api/traces` },
};
for (const [name, reporter] of Object.entries(reporters)) {
  await checks.check(`Jaeger's client: ${name}`, async () => {
    const { traceId, rootId, childId } = await sendByJaeger('by-jaeger', reporter, { type: 'const', param: 1 });
    const spans = await stored(traceId, 2);
    const padded = (id) => id.padStart(16, '0');
    const root = spans.find((span) => span.id === padded(rootId)), child = spans.find((span) => span.id === padded(childId));
    assert.deepEqual([root.name, root.kind, root.parent, root.millis, root.service], ['POST /orders', 'SPAN_KIND_SERVER', '', 50, 'by-jaeger']);
    assert.deepEqual([child.name, child.kind, child.parent, child.millis], ['charge', 'SPAN_KIND_CLIENT', padded(rootId), 30]);
    assert.equal(root.status.code, 'STATUS_CODE_ERROR');
    for (const [key, value] of Object.entries({ items: 3, weight: 1.5, express: true })) assert.equal(root.attributes[key], value, key);
    assert.equal(child.attributes['peer.service'], 'bank');
    assert.equal(child.events[0].name, 'declined');
    assert.equal(child.events[0].attributes.code, 51);
    await searched('{ resource.region = "eu" && span.items = 3 }', traceId);
  });
}

await checks.check("Jaeger's client is told by us whether to sample", async () => {
  const { initTracer } = require('jaeger-client');
  const failures = [];
  const tracer = initTracer({
    serviceName: 'by-remote', reporter: { collectorEndpoint: `${server.url}/api/traces`, flushIntervalMs: 50 },
    sampler: { type: 'remote', param: 0, hostPort: `127.0.0.1:${server.ports[0]}`, refreshIntervalMs: 200 },
  }, { logger: { info() {}, error: (message) => failures.push(message) } });
  // It samples nothing until it has heard from us that everything is wanted.
  const context = await until('a sampled span', async () => {
    const span = tracer.startSpan('ping');
    span.finish();
    return span.context().isSampled() && span.context();
  }, 60);
  await new Promise((resolve) => tracer.close(resolve));
  assert.deepEqual(failures, []);
  await stored(context.traceIdStr, 1);
});

// ---- Zipkin's client

for (const version of ['v1', 'v2']) {
  await checks.check(`Zipkin's client: ${version}`, async () => {
    const { Tracer, BatchRecorder, ExplicitContext, Annotation, InetAddress, jsonEncoder } = require('zipkin');
    const encoder = version === 'v1' ? jsonEncoder.JSON_V1 : jsonEncoder.JSON_V2;
    const sent = [];
    const logger = { logSpan: (span) => { sent.push(encoder.encode(span)); } };
    const recorder = new BatchRecorder({ logger });
    const tracer = new Tracer({ ctxImpl: new ExplicitContext(), recorder, localServiceName: `by-zipkin-${version}`, traceId128Bit: true });
    const root = tracer.createRootId(), child = tracer.letId(root, () => tracer.createChildId());
    const host = new InetAddress('10.0.0.7');
    const record = (id, annotations) => tracer.letId(id, () => annotations.forEach((annotation) => tracer.recordAnnotation(annotation)));
    record(root, [new Annotation.ServiceName(`by-zipkin-${version}`), new Annotation.Rpc('post'), new Annotation.ServerRecv(), new Annotation.LocalAddr({ host, port: 80 }), new Annotation.BinaryAnnotation('http.path', '/orders')]);
    record(child, [new Annotation.ServiceName(`by-zipkin-${version}`), new Annotation.Rpc('charge'), new Annotation.ClientSend(), new Annotation.ServerAddr({ serviceName: 'bank', host, port: 443 }), new Annotation.Message('declined'), new Annotation.BinaryAnnotation('error', 'card declined'), new Annotation.ClientRecv()]);
    record(root, [new Annotation.ServerSend()]);
    assert.equal(sent.length, 2);
    const answer = await fetch(`${server.url}/api/${version}/spans`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: `[${sent.join(',')}]` });
    assert.equal(answer.status, 202, await answer.text());
    const spans = await stored(root.traceId, 2);
    const rootSpan = spans.find((span) => span.id === root.spanId), childSpan = spans.find((span) => span.id === child.spanId);
    assert.deepEqual([rootSpan.name, rootSpan.kind, rootSpan.parent, rootSpan.service], ['post', 'SPAN_KIND_SERVER', '', `by-zipkin-${version}`]);
    assert.deepEqual([childSpan.name, childSpan.kind, childSpan.parent], ['charge', 'SPAN_KIND_CLIENT', root.spanId]);
    assert.equal(rootSpan.attributes['http.path'], '/orders');
    assert.equal(childSpan.status.code, 'STATUS_CODE_ERROR');
    assert.ok(childSpan.events.some((event) => event.name === 'declined'), JSON.stringify(childSpan.events));
    await searched(`{ resource.service.name = "by-zipkin-${version}" && kind = client }`, root.traceId);
  });
}

// ---- what arrived by each way is one system for those who read

await checks.check('the service graph of all senders has an edge to the bank from each', async () => {
  const { edges } = await until('edges', async () => {
    const graph = await (await fetch(`${server.url}/obelisk/api/v1/service-graph`)).json();
    return graph.edges?.length > 0 && graph;
  }, 60);
  const clients = new Set(edges.filter((edge) => JSON.stringify(edge).includes('bank')).map((edge) => edge.client));
  for (const service of [...Object.keys(exporters).map((name) => `by-${name}`), 'by-jaeger', 'by-zipkin-v1', 'by-zipkin-v2']) {
    assert.ok(clients.has(service), `${service} has no edge to the bank: ${[...clients].join(', ')}`);
  }
});

await server.stop();
process.exit(checks.finish());
