// Traces as their clients see them, over real connections: Tempo's streaming querier and Jaeger's query services with a gRPC
// client, comparison and pruning of traces, spans in other systems' protocols and identifiers, generator options, and rules in
// TraceQL over a restart.
// Usage: node tests/e2e/traces_api_test.mjs --server BINARY
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import http from 'node:http';
import zlib from 'node:zlib';
import { Checks, until } from './stack/checks.mjs';
import { Server, argument, freePorts, scratchDirectory } from './stack/server.mjs';
import { grpcClient, status } from './stack/grpc_client.mjs';

const binary = argument('server', 'build/release/obelisk');
const directory = scratchDirectory('traces-api');
const checks = new Checks();
const test = (name, run) => checks.check(name, run);

const [jaegerQuery] = await freePorts(1);
const udp = dgram.createSocket('udp4');
await new Promise((resolve) => udp.bind(0, '127.0.0.1', resolve));
const compactPort = udp.address().port;
await new Promise((resolve) => udp.close(resolve));

const server = await new Server({
  binary, directory,
  config: `
span_metrics_interval: 1s
jaeger_query_listen: 127.0.0.1:${jaegerQuery}
jaeger_compact_listen: 127.0.0.1:${compactPort}
jaeger_sampling_strategies: sampling.json
span_metrics: {dimensions: [http.route], histograms: both, enable_target_info: true}
service_graph: {wait: 1s, enable_client_server_prefix: true, dimensions: [zone]}
host_info: true
cors_allowed_origins: ['http://localhost:*']
traces: {rule_files: [traces.yml]}
`,
  files: {
    'sampling.json': JSON.stringify({ default_strategy: { type: 'probabilistic', param: 0.25 }, service_strategies: [{ service: 'pay', type: 'ratelimiting', param: 7 }] }),
    'traces.yml': `
groups:
- name: traces
  interval: 1s
  window: 1h
  rules:
  - record: service:errors:count1h
    expr: '{ status = error } | count_over_time() by (resource.service.name)'
  - alert: FailingOrders
    expr: '{ name = "POST /orders" && status = error } | count_over_time() > 0'
    for: 1s
    annotations: {summary: 'see {{ $traceID }}'}
`,
  },
}).start();

const base = BigInt(Date.now() - 60_000) * 1_000_000n;
const at = (millis) => String(base + BigInt(Math.round(millis * 1e6)));
const text = (key, value) => ({ key, value: { stringValue: value } });
function span(trace, id, parent, name, kind, start, duration, options = {}) {
  return {
    traceId: trace.padStart(32, '0'), spanId: id.padStart(16, '0'), parentSpanId: parent && parent.padStart(16, '0'), name, kind,
    startTimeUnixNano: at(start), endTimeUnixNano: at(start + duration), attributes: options.attributes ?? [],
    status: { code: options.error ? 2 : 0 }, events: options.events ?? [],
  };
}
async function send(services) {
  const body = { resourceSpans: Object.entries(services).map(([service, spans]) => ({
    resource: { attributes: [text('service.name', service), text('host.id', `host-of-${service}`)] }, scopeSpans: [{ spans }] })) };
  const response = await fetch(`${server.url}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  assert.equal(response.status, 200, await response.text());
}
await send({
  shop: [
    span('a1', '1', '', 'POST /orders', 2, 0, 600, { error: true, attributes: [text('http.route', '/orders'), text('zone', 'a')], events: [{ timeUnixNano: at(5), name: 'retry' }] }),
    span('a1', '2', '1', 'charge', 3, 10, 300, { attributes: [text('zone', 'a')] }),
    ...Array.from({ length: 8 }, (_, i) => span('a1', `1${i}`, '1', 'query', 3, 320 + i, 2)),
    span('a2', '1', '', 'POST /orders', 2, 5000, 100, { attributes: [text('http.route', '/orders'), text('with blank', 'v 1')] }),
    span('a2', '2', '1', 'charge', 3, 5010, 30),
  ],
  pay: [span('a1', '3', '2', 'POST /charges', 2, 20, 280, { error: true, attributes: [text('zone', 'b')] }), span('a2', '3', '2', 'POST /charges', 2, 5012, 20)],
});

async function json(path, options) {
  const response = await fetch(server.url + path, options);
  const body = await response.text();
  assert.equal(response.status, 200, `${path}: ${body}`);
  return JSON.parse(body);
}
const promql = async (query) => (await json(`/api/v1/query?query=${encodeURIComponent(query)}`)).data.result;

const tempo = grpcClient(server.url.slice(7), `
syntax = "proto3"; package tempopb;
message Any { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
message KeyValue { string key = 1; Any value = 2; }
message Span { string spanID = 1; string name = 2; uint64 startTimeUnixNano = 3; uint64 durationNanos = 4; repeated KeyValue attributes = 5; }
message SpanSet { repeated Span spans = 1; uint32 matched = 2; }
message TraceMeta { string traceID = 1; string rootServiceName = 2; string rootTraceName = 3; uint64 startTimeUnixNano = 4; uint32 durationMs = 5; SpanSet spanSet = 6; repeated SpanSet spanSets = 7; }
message SearchRequest { map<string, string> Tags = 1; uint32 MinDurationMs = 2; uint32 Limit = 4; uint32 start = 5; uint32 end = 6; string Query = 8; uint32 SpansPerSpanSet = 9; }
message SearchMetrics { uint32 inspectedTraces = 1; uint64 inspectedBytes = 2; uint32 completedJobs = 4; uint32 totalJobs = 5; }
message SearchResponse { repeated TraceMeta traces = 1; SearchMetrics metrics = 2; }
message TagsRequest { string scope = 1; string query = 2; }
message TagsResponse { repeated string tagNames = 1; }
message Scope { string name = 1; repeated string tags = 2; }
message ScopesResponse { repeated Scope scopes = 1; }
message ValuesRequest { string tagName = 1; string query = 2; }
message ValuesResponse { repeated string tagValues = 1; }
message TypedValue { string type = 1; string value = 2; }
message TypedValuesResponse { repeated TypedValue tagValues = 1; }
message RangeRequest { string query = 1; uint64 start = 2; uint64 end = 3; uint64 step = 4; uint32 exemplars = 16; uint32 maxSeries = 17; }
message InstantRequest { string query = 1; uint64 start = 2; uint64 end = 3; }
message Sample { double value = 1; int64 timestamp_ms = 2; }
message Exemplar { repeated KeyValue labels = 1; double value = 2; int64 timestamp_ms = 3; }
message Series { repeated KeyValue labels = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 4; }
message RangeResponse { repeated Series series = 1; SearchMetrics metrics = 2; }
message InstantSeries { repeated KeyValue labels = 1; double value = 2; }
message InstantResponse { repeated InstantSeries series = 1; SearchMetrics metrics = 2; }
service StreamingQuerier {
  rpc Search(SearchRequest) returns (stream SearchResponse);
  rpc SearchTags(TagsRequest) returns (stream TagsResponse);
  rpc SearchTagsV2(TagsRequest) returns (stream ScopesResponse);
  rpc SearchTagValues(ValuesRequest) returns (stream ValuesResponse);
  rpc SearchTagValuesV2(ValuesRequest) returns (stream TypedValuesResponse);
  rpc MetricsQueryRange(RangeRequest) returns (stream RangeResponse);
  rpc MetricsQueryInstant(InstantRequest) returns (stream InstantResponse);
}`);
const ask = (method, request) => tempo.call(`tempopb.StreamingQuerier/${method}`, request);

await test('tempo: search streams', async () => {
  const messages = await ask('Search', { Query: '{ name = "charge" } | select(resource.service.name)', Limit: 5 });
  const traces = messages.flatMap((message) => message.traces);
  assert.deepEqual(traces.map((trace) => trace.traceID.slice(-2)), ['a2', 'a1']);
  assert.equal(traces[0].rootTraceName, 'POST /orders');
  assert.equal(traces[1].spanSets[0].spans[0].attributes[0].value.string_value, 'shop');
  assert.equal(messages.at(-1).metrics.completedJobs, messages.at(-1).metrics.totalJobs);
  await assert.rejects(ask('Search', { Query: '{ name = }' }), (error) => error.code === status.INVALID_ARGUMENT && /line 1, col 10/.test(error.details));
  await assert.rejects(ask('Search', { Query: '{}', start: 9, end: 8 }), (error) => error.code === status.INVALID_ARGUMENT && /start/.test(error.details));
  const byTags = await ask('Search', { Tags: { name: 'CHARGES' } });
  assert.equal(byTags.flatMap((message) => message.traces).length, 2);
});
await test('tempo: tags and values', async () => {
  assert.ok((await ask('SearchTags', {}))[0].tagNames.includes('http.route'));
  assert.deepEqual((await ask('SearchTagsV2', { scope: 'resource' }))[0].scopes, [{ name: 'resource', tags: ['host.id', 'service.name'] }]);
  assert.deepEqual((await ask('SearchTagValues', { tagName: 'service.name' }))[0].tagValues, ['shop', 'pay']);
  assert.deepEqual((await ask('SearchTagValuesV2', { tagName: 'resource.service.name', query: '{ span.zone = "b" }' }))[0].tagValues, [{ type: 'string', value: 'pay' }]);
  for (const tagName of ['span.with blank', 'span."with blank"', '.with blank', 'with blank'])
    assert.deepEqual((await ask('SearchTagValuesV2', { tagName }))[0].tagValues, [{ type: 'string', value: 'v 1' }], tagName);
});
await test('tempo: metrics', async () => {
  const range = { query: '{} | count_over_time() by (resource.service.name)', start: at(-1000), end: at(10_000), step: String(60e9), exemplars: 10 };
  const [{ series }] = await ask('MetricsQueryRange', range);
  assert.deepEqual(series.map((one) => one.labels[0].value.string_value), ['pay', 'shop']);
  assert.equal(series[1].samples.reduce((sum, sample) => sum + sample.value, 0), 12);
  assert.equal(series[1].exemplars[0].labels[0].key, 'trace:id');
  const [instant] = await ask('MetricsQueryInstant', { ...range, query: '{} | quantile_over_time(duration, 0.5, 1)' });
  assert.deepEqual(instant.series.map((one) => one.labels[0].key), ['p', 'p']);
});
tempo.close();

const jaegerProto = (version, trace, operations) => `
syntax = "proto3"; package jaeger.${version};
message Time { int64 seconds = 1; int32 nanos = 2; }
message KeyValue { string key = 1; int32 v_type = 2; string v_str = 3; bool v_bool = 4; int64 v_int64 = 5; double v_float64 = 6; bytes v_binary = 7; }
message Log { Time timestamp = 1; repeated KeyValue fields = 2; }
message Ref { bytes trace_id = 1; bytes span_id = 2; int32 ref_type = 3; }
message Process { string service_name = 1; repeated KeyValue tags = 2; }
message Span { bytes trace_id = 1; bytes span_id = 2; string operation_name = 3; repeated Ref references = 4; Time start_time = 6; Time duration = 7; repeated KeyValue tags = 8; repeated Log logs = 9; Process process = 10; }
message Chunk { repeated Span spans = 1; }
message OtlpSpan { bytes trace_id = 1; string name = 5; }
message ScopeSpans { repeated OtlpSpan spans = 2; }
message ResourceSpans { repeated ScopeSpans scope_spans = 2; }
message TracesData { repeated ResourceSpans resource_spans = 1; }
message GetTraceRequest { ${trace} trace_id = 1; }
message Query { string service_name = 1; string operation_name = 2; map<string, string> attributes = 3; Time start_time_min = 4; Time start_time_max = 5; Time duration_min = 6; Time duration_max = 7; int32 search_depth = 8; }
message FindRequest { Query query = 1; }
message Empty {}
message Services { repeated string services = 1; }
message OperationsRequest { string service = 1; string span_kind = 2; }
message Operation { string name = 1; string span_kind = 2; }
message Operations { ${operations} }
message RangeRequest { Time start_time = 1; Time end_time = 2; }
message Link { string parent = 1; string child = 2; uint64 call_count = 3; }
message Links { repeated Link dependencies = 1; }
message Summary { string trace_id = 1; string root_service_name = 2; int32 span_count = 6; int32 error_span_count = 7; int32 orphan_span_count = 8; }
message Summaries { repeated Summary summaries = 1; }
message SamplingRequest { string serviceName = 1; }
message Probabilistic { double samplingRate = 1; }
message RateLimiting { int32 maxTracesPerSecond = 1; }
message Strategy { int32 strategyType = 1; Probabilistic probabilisticSampling = 2; RateLimiting rateLimitingSampling = 3; }
service QueryService {
  rpc GetTrace(GetTraceRequest) returns (stream ${version === 'api_v2' ? 'Chunk' : 'TracesData'});
  rpc FindTraces(FindRequest) returns (stream ${version === 'api_v2' ? 'Chunk' : 'TracesData'});
  rpc GetServices(Empty) returns (Services);
  rpc GetOperations(OperationsRequest) returns (Operations);
  rpc GetDependencies(RangeRequest) returns (Links);
  rpc FindTraceSummaries(FindRequest) returns (stream Summaries);
}
service SamplingManager { rpc GetSamplingStrategy(SamplingRequest) returns (Strategy); }`;
const seconds = (millis) => ({ seconds: String(BigInt(at(millis)) / 1_000_000_000n), nanos: 0 });
const window = { start_time_min: seconds(-5000), start_time_max: seconds(60_000) };

await test('jaeger: api_v2 on both ports', async () => {
  for (const address of [server.url.slice(7), `127.0.0.1:${jaegerQuery}`]) {
    const jaeger = grpcClient(address, jaegerProto('api_v2', 'bytes', 'repeated string names = 1; repeated Operation operations = 2;'));
    const query = (method, request) => jaeger.call(`jaeger.api_v2.QueryService/${method}`, request);
    const [{ spans }] = await query('GetTrace', { trace_id: Buffer.from('a1'.padStart(32, '0'), 'hex') });
    assert.equal(spans.length, 11);
    const root = spans.find((one) => one.operation_name === 'POST /orders');
    assert.equal(root.process.service_name, 'shop');
    assert.ok(root.tags.some((tag) => tag.key === 'error' && tag.v_bool));
    assert.equal(root.logs[0].fields[0].v_str, 'retry');
    assert.equal(spans.find((one) => one.operation_name === 'charge').references[0].span_id.toString('hex'), '1'.padStart(16, '0'));
    await assert.rejects(query('GetTrace', { trace_id: Buffer.alloc(16, 9) }), (error) => error.code === status.NOT_FOUND);
    const found = await query('FindTraces', { query: { service_name: 'shop', attributes: { error: 'true' }, ...window } });
    assert.equal(found.flatMap((chunk) => chunk.spans).length, 11);
    assert.deepEqual((await query('GetServices'))[0].services, ['pay', 'shop']);
    assert.deepEqual((await query('GetOperations', { service: 'pay' }))[0].operations, [{ name: 'POST /charges', span_kind: 'server' }]);
    assert.deepEqual((await query('GetDependencies', { start_time: window.start_time_min, end_time: window.start_time_max }))[0].dependencies, [{ parent: 'shop', child: 'pay', call_count: '2' }]);
    const [sampling] = await jaeger.call('jaeger.api_v2.SamplingManager/GetSamplingStrategy', { serviceName: 'pay' });
    assert.equal(sampling.rateLimitingSampling.maxTracesPerSecond, 7);
    jaeger.close();
  }
});
await test('jaeger: api_v3', async () => {
  const jaeger = grpcClient(server.url.slice(7), jaegerProto('api_v3', 'string', 'repeated Operation operations = 1;'));
  const query = (method, request) => jaeger.call(`jaeger.api_v3.QueryService/${method}`, request);
  const spansOf = (messages) => messages.flatMap((data) => data.resource_spans).flatMap((one) => one.scope_spans).flatMap((one) => one.spans);
  assert.equal(spansOf(await query('GetTrace', { trace_id: 'a1' })).length, 11);
  assert.equal(spansOf(await query('FindTraces', { query: { service_name: 'pay', ...window } })).length, 14);
  const summaries = (await query('FindTraceSummaries', { query: { service_name: 'pay', ...window } })).flatMap((one) => one.summaries);
  assert.deepEqual(summaries.map((one) => [one.trace_id.slice(-2), one.span_count, one.error_span_count]), [['a2', 3, 0], ['a1', 11, 2]]);
  await assert.rejects(query('FindTraces', { query: { service_name: 'pay' } }), (error) => error.code === status.INVALID_ARGUMENT);
  jaeger.close();
});
await test('jaeger: a trace larger than what may wait for a client', async () => {
  await send({ bulk: Array.from({ length: 90 }, (_, i) => span('b16', String(i + 1), '', 'large', 1, i, 1, { attributes: [text('payload', `${i} `.repeat(60_000))] })) });
  for (const [version, type] of [['api_v2', 'bytes'], ['api_v3', 'string']]) {
    const jaeger = grpcClient(server.url.slice(7), jaegerProto(version, type, 'repeated string names = 1; repeated Operation operations = 2;'));
    const id = 'b16'.padStart(32, '0');
    const messages = await jaeger.call(`jaeger.${version}.QueryService/GetTrace`, { trace_id: version === 'api_v2' ? Buffer.from(id, 'hex') : id });
    const spans = version === 'api_v2' ? messages.flatMap((chunk) => chunk.spans)
      : messages.flatMap((data) => data.resource_spans).flatMap((one) => one.scope_spans).flatMap((one) => one.spans);
    assert.equal(spans.length, 90);
    jaeger.close();
  }
});
await test("jaeger: the Monitor page's questions", async () => {
  const ask = async (kind, more) => {
    const family = await json(`/jaeger/api/metrics/${kind}?service=shop&endTs=${Date.now()}&lookback=3600000&step=60000&ratePer=600000&spanKind=server${more}`);
    return Object.fromEntries(family.metrics.map((one) => [one.labels.map((label) => label.value).join(' '), one.metricPoints.map((point) => point.gaugeValue.doubleValue)]));
  };
  // Both calls are in the last window.
  assert.equal((await ask('calls', '')).shop.at(-1), 2 / 600);
  assert.equal((await ask('errors', '&groupByOperation=true'))['shop POST /orders'].at(-1), 0.5);
  const latencies = (await ask('latencies', '&quantile=0.95')).shop;
  assert.ok(latencies.at(-1) >= 600 && latencies.at(-1) < 1100, String(latencies.at(-1)));
  assert.equal(latencies[0], 'NaN');
  assert.deepEqual((await json('/jaeger/api/metrics/minstep')).data, 1);
  const refused = await fetch(`${server.url}/jaeger/api/metrics/latencies?service=shop`);
  assert.equal(refused.status, 400);
  assert.match((await refused.json()).errors[0].msg, /quantile/);
});
await test('jaeger: http v3 and sampling', async () => {
  const range = `query.start_time_min=${new Date(Date.now() - 3600e3).toISOString()}&query.start_time_max=${new Date().toISOString()}`;
  const found = await json(`/api/v3/traces?query.service_name=shop&query.attributes=${encodeURIComponent('{"http.route":"/orders"}')}&${range}`);
  assert.ok(found.result.resourceSpans.length > 0);
  const posted = await json('/api/v3/trace-summaries', { method: 'POST', body: JSON.stringify({ query: { service_name: 'shop', start_time_min: new Date(Date.now() - 3600e3).toISOString(), startTimeMax: new Date().toISOString() } }) });
  assert.equal(posted.summaries.length, 2);
  const asTheUiAsks = new URLSearchParams({ 'query.serviceName': 'shop', 'query.startTimeMin': new Date(Date.now() - 3600e3).toISOString(), 'query.startTimeMax': new Date().toISOString(), 'query.searchDepth': '20' });
  assert.deepEqual(await json(`/api/v3/trace-summaries?${asTheUiAsks}`), posted);
  assert.equal((await json('/api/v3/capabilities')).search.sameSpanConjunction, true);
  const links = await json(`/api/v3/dependencies?start_time=${new Date(Date.now() - 3600e3).toISOString()}&end_time=${new Date().toISOString()}`);
  assert.deepEqual(links.dependencies, [{ parent: 'shop', child: 'pay', callCount: '2' }]);
  const filter = { op: 'and', args: [{ call: { op: 'eq', args: [{ field: { name: 'service', level: 'resource' } }, { scalar: { value: 'shop' } }] } }, { call: { op: 'exists', args: [{ attr: { key: 'http.route' } }] } }] };
  const filtered = await json(`/api/v3/traces?query.filter=${encodeURIComponent(JSON.stringify(filter))}&${range}`);
  assert.deepEqual(filtered, found);
  const refused = await fetch(`${server.url}/api/v3/traces?query.filter=x&${range}`);
  assert.equal(refused.status, 400);
  assert.match((await refused.json()).error.message, /filter/);
  assert.deepEqual(await json('/api/sampling?service=shop'), { strategyType: 'PROBABILISTIC', probabilisticSampling: { samplingRate: 0.25 } });
  assert.equal((await fetch(`${server.url}/sampling`)).status, 400);
});

await test('traces compared and pruned', async () => {
  const diff = await json('/api/v2/traces/diff', { method: 'POST', body: JSON.stringify({ base: { traceId: 'a2' }, compare: { traceId: 'a1' } }) });
  assert.equal(diff.version, 'trace-patch-v0');
  assert.deepEqual([diff.stats.matchedSpans, diff.stats.addedSpans, diff.stats.removedSpans], [3, 8, 0]);
  const summary = await json('/api/v2/traces/diff', { method: 'POST', body: JSON.stringify({ base: { traceId: 'a2' }, compare: { traceId: 'a1' }, format: 'trace-summary-v0-composed' }) });
  assert.equal(summary.summary.signals.errors, 'increased');
  const whole = await json('/api/v2/traces/a1');
  const pruned = await json('/api/v2/traces/a1?span_pruning=true');
  const count = (answer) => answer.trace.resourceSpans.flatMap((one) => one.scopeSpans).flatMap((one) => one.spans).length;
  assert.deepEqual([count(whole), count(pruned)], [11, 4]);
});

await test('other systems: zipkin, B3 and X-Ray identifiers, jaeger datagrams', async () => {
  const micros = Number(BigInt(at(20_000)) / 1000n);
  const sent = [
    { traceId: '1-5759e988-bd862e3fe1be46a994272793', id: '53995c3f42cd8ad8', name: 'from-xray', timestamp: micros, duration: 10, localEndpoint: { serviceName: 'lambda' } },
    { traceId: 'c0ffee', id: '5', name: 'short-id', timestamp: micros, duration: 10, kind: 'CLIENT', localEndpoint: { serviceName: 'edge' } },
    { traceId: 'c0ffee', id: '5', name: 'short-id', shared: true, timestamp: micros, duration: 5, kind: 'SERVER', localEndpoint: { serviceName: 'inner' } },
  ];
  const response = await fetch(`${server.url}/api/v2/spans`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(sent) });
  assert.equal(response.status, 202);
  assert.match(JSON.stringify(await json('/api/v2/traces/5759e988bd862e3fe1be46a994272793')), /from-xray/);
  const shared = await json('/api/v2/traces/c0ffee');
  assert.equal(shared.trace.resourceSpans.length, 2);
  // A datagram of an agent's client: emitBatch with one span, Thrift compact.
  const varint = (value) => { const out = []; let rest = BigInt(value); do { out.push(Number(rest & 127n) | (rest > 127n ? 128 : 0)); rest >>= 7n; } while (rest > 0n); return Buffer.from(out); };
  const zigzag = (value) => varint(BigInt(value) << 1n);
  const string = (value) => Buffer.concat([varint(value.length), Buffer.from(value)]);
  const spanStruct = Buffer.concat([Buffer.from([0x16]), zigzag(0xd00d), Buffer.from([0x16]), zigzag(0), Buffer.from([0x16]), zigzag(77), Buffer.from([0x16]), zigzag(0),
    Buffer.from([0x18]), string('from-agent'), Buffer.from([0x25]), zigzag(1), Buffer.from([0x16]), zigzag(micros), Buffer.from([0x16]), zigzag(25), Buffer.from([0])]);
  const batch = Buffer.concat([Buffer.from([0x1c, 0x18]), string('agent-service'), Buffer.from([0]), Buffer.from([0x19, 0x1c]), spanStruct, Buffer.from([0])]);
  const datagram = Buffer.concat([Buffer.from([0x82, 0x81]), varint(1), string('emitBatch'), Buffer.from([0x1c]), batch, Buffer.from([0])]);
  const socket = dgram.createSocket('udp4');
  await new Promise((resolve) => socket.send(datagram, compactPort, '127.0.0.1', resolve));
  socket.close();
  await until('the agent\'s span', async () => (await fetch(`${server.url}/api/traces/d00d`)).status === 200);
  assert.match(JSON.stringify(await json('/api/traces/d00d')), /agent-service/);
});

await test('pages of allowed origins send and read, others are told nothing', async () => {
  const question = (origin) => fetch(`${server.url}/v1/traces`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,traceparent' } });
  const yes = await question('http://localhost:3000');
  assert.equal(yes.status, 204);
  assert.equal(yes.headers.get('access-control-allow-origin'), 'http://localhost:3000');
  assert.match(yes.headers.get('access-control-allow-methods'), /POST/);
  assert.equal(yes.headers.get('access-control-allow-headers'), 'content-type,traceparent');
  const no = await question('http://evil.example');
  assert.equal(no.status, 405);
  assert.equal(no.headers.get('access-control-allow-origin'), null);
  const read = (origin) => fetch(`${server.url}/api/search`, { headers: { origin } });
  assert.equal((await read('http://localhost:3000')).headers.get('access-control-allow-origin'), 'http://localhost:3000');
  assert.equal((await read('http://evil.example')).headers.get('access-control-allow-origin'), null);
});
await test('answers in the encoding a client takes', async () => {
  const plain = await (await fetch(`${server.url}/api/traces/a1`, { headers: { 'accept-encoding': 'identity' } })).text();
  const decoders = { br: zlib.brotliDecompressSync, gzip: zlib.gunzipSync, 'deflate;q=0.5, br;q=0.9, gzip': zlib.gunzipSync };
  for (const [accepted, decode] of Object.entries(decoders)) {
    const body = await new Promise((resolve, reject) => http.get(`${server.url}/api/traces/a1`, { headers: { 'accept-encoding': accepted } }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks))).on('error', reject);
    }));
    assert.ok(body.length < plain.length / 2, accepted);
    assert.equal(decode(body).toString(), plain);
  }
});

await test('derived metrics by the options', async () => {
  const calls = await until('span metrics', async () => {
    const found = await promql('traces_spanmetrics_calls_total{http_route="/orders"}');
    return found.length === 2 && found;
  });
  assert.deepEqual(new Set(calls.map((one) => one.metric.job)), new Set(['shop']));
  assert.equal((await promql('histogram_count(traces_spanmetrics_latency{span_name="query"})'))[0].value[1], '8');
  assert.equal((await promql('traces_spanmetrics_latency_count{span_name="query"}'))[0].value[1], '8');
  assert.equal((await promql('traces_target_info{job="pay"}'))[0].metric.host_id, 'host-of-pay');
  const edges = await until('edges', async () => {
    const found = await promql('traces_service_graph_request_total{client="shop", server="pay", client_zone="a"}');
    return found.length === 1 && found;
  });
  assert.equal(edges[0].metric.server_zone, 'b');
  assert.deepEqual((await promql('traces_host_info{grafana_host_id="host-of-pay"}')).map((one) => one.metric.host_source), ['host.id']);
});

const firing = async () => (await json('/api/v1/alerts')).data.alerts.find((alert) => alert.labels.alertname === 'FailingOrders' && alert.state === 'firing');
await test('rules in TraceQL record, alert and survive a restart', async () => {
  await until('the recorded series', async () => (await promql('service:errors:count1h{resource_service_name="pay"}')).length === 1);
  const alert = await until('the alert', firing);
  assert.equal(alert.annotations.summary, `see ${'a1'.padStart(32, '0')}`);
  const groups = (await json('/api/v1/rules')).data.groups;
  assert.equal(groups.find((group) => group.name === 'traces').language, 'traceql');
  const exemplars = (await json(`/api/v1/query_exemplars?query=${encodeURIComponent('service:errors:count1h')}&start=${Date.now() / 1000 - 600}&end=${Date.now() / 1000 + 1}`)).data;
  assert.ok(exemplars.some((one) => one.exemplars.some((exemplar) => exemplar.labels.traceID?.endsWith('a1'))), JSON.stringify(exemplars));
  await server.stop();
  await server.start();
  const after = await until('the alert after a restart', firing);
  assert.equal(Date.parse(after.activeAt), Math.floor(Date.parse(alert.activeAt) / 1000) * 1000);  // kept to the second
});

// Another trace has spans of the same ids, so related: what is said of one trace must not come from the other.
await test('a search within a trace finds spans of that trace alone', async () => {
  const top = (trace) => span(trace, '1', '', 'top', 1, 0, 10);
  await send({ twin: [top('e1'), span('e1', '2', '1', 'first', 1, 1, 5), span('e1', '3', '1', 'second', 1, 2, 3),
    top('e2'), span('e2', '2', '1', 'first', 1, 1, 5), span('e2', '3', '2', 'second', 1, 2, 3)] });
  for (const relation of ['>', '>>']) {
    const q = encodeURIComponent(`{ name = "first" } ${relation} { name = "second" }`);
    const totals = await Promise.all(['e1', 'e2'].map(async (trace) => (await json(`/obelisk/api/v1/traces/${trace.padStart(32, '0')}/search?q=${q}`)).total));
    assert.deepEqual(totals, [0, 1], relation);
  }
});

await test('tempo: tags find a text in a value of several lines', async () => {
  await send({ notes: [span('e3', '1', '', 'noted', 1, 0, 10, { attributes: [text('note', 'first line\nsecond line\nlast')] })] });
  const range = `start=${Number(base / 1_000_000_000n)}&end=${Math.ceil(Date.now() / 1000)}`;
  for (const tag of ['note=last', 'note="SECOND line"', 'note=first'])
    assert.equal((await json(`/api/search?${range}&tags=${encodeURIComponent(tag)}`)).traces.length, 1, tag);
  assert.equal((await json(`/api/search?${range}&tags=note%3Dthird`)).traces.length, 0);
});

await test('tempo: a search of more conditions than a store takes', async () => {
  const range = `start=${Number(base / 1_000_000_000n)}&end=${Math.ceil(Date.now() / 1000)}`;
  for (const joint of ['&&', '>>', '!>']) {
    const conditions = Array.from({ length: 70 }, (_, i) => `{ name != "none ${i}" }`).join(` ${joint} `);
    const { traces } = await json(`/api/search?${range}&q=${encodeURIComponent(conditions)}`);
    assert.equal(traces.length > 0, joint !== '>>', joint);  // nothing lies 70 levels deep
  }
});

await server.stop();
process.exit(checks.finish());
