// The same over a running server: traces in by OTLP (JSON), a part of their pieces before a restart, so that they lie in
// parts on disk and the others in memory; answers out by Tempo's API, turned into the lines that a script gives.
import http from 'node:http';
import { Server, scratchDirectory } from '../../e2e/stack/server.mjs';
import { Renderer } from './render.mjs';
import { traceId } from './traces.mjs';
import * as v from './values.mjs';

const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });

function ask(method, url, tenant, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'x-scope-orgid': tenant, ...(body && { 'content-type': 'application/json' }) };
    const request = http.request(url, { method, agent, headers }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode, text: Buffer.concat(parts).toString() }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

// --- in -----------------------------------------------------------------------------------------------------------

function anyValue(value) {
  if (value.isArray) return { arrayValue: { values: value.t === 'nil' ? [] : [anyValue({ ...value, isArray: false })] } };
  switch (value.t) {
    case 'nil': return {};
    case 'bool': return { boolValue: value.v };
    case 'int': return { intValue: String(value.v) };
    case 'float': return { doubleValue: Number.isFinite(value.v) ? value.v : Number.isNaN(value.v) ? 'NaN' : value.v < 0 ? '-Infinity' : 'Infinity' };
    case 'list': return { arrayValue: { values: value.v.map(anyValue) } };
    default: return { stringValue: value.v };
  }
}
const attributes = (map) => [...map].map(([key, value]) => ({ key, value: anyValue(value) }));

function resourceSpans(span, epoch) {
  const at = (offset) => String(epoch + BigInt(offset));
  return {
    resource: { attributes: [...(span.service ? [{ key: 'service.name', value: { stringValue: span.service } }] : []), ...attributes(span.resource)] },
    scopeSpans: [{
      scope: { name: span.scopeName, version: span.scopeVersion, attributes: attributes(span.instrumentation) },
      spans: [{
        traceId: traceId(span.traceNumber), spanId: span.id, parentSpanId: span.parent, traceState: span.state, name: span.name, kind: span.kind,
        startTimeUnixNano: at(span.start), endTimeUnixNano: at(span.start + span.duration),
        status: { code: span.status, message: span.message }, attributes: attributes(span.span),
        events: span.events.map((event) => ({ name: event.name, timeUnixNano: at(span.start + event.offset), attributes: attributes(event.attributes) })),
        links: span.links.map((link) => ({ traceId: link.trace, spanId: link.span, attributes: attributes(link.attributes) })),
      }],
    }],
  };
}

// --- out ----------------------------------------------------------------------------------------------------------

function shownValue({ stringValue, intValue, doubleValue, boolValue }) {
  if (doubleValue !== undefined) return v.floatText(Number(String(doubleValue).replace('Inf', 'Infinity')));
  return String(stringValue ?? intValue ?? boolValue);
}
const pairs = (list) => (list ?? []).map(({ key, value }) => ` ${key}=${shownValue(value)}`).join('');
const label = (id) => Buffer.from(id, 'hex').toString().replace(/\0/g, '');

const searchLines = (answer) => answer.traces.flatMap((trace) => trace.spanSets.map((set) =>
  `${trace.traceID.replace(/^0+/, '')}: ${set.spans.map((span) => label(span.spanID)).join(' ')}${pairs(set.attributes)}`));

function metricsLines(answer, epoch, grid) {
  return answer.series.map((series) => {
    const values = new Array(grid.count).fill('_');
    const samples = series.samples ?? [{ timestampMs: null, value: series.value }];
    for (const { timestampMs, value } of samples) {
      const first = (epoch + BigInt(grid.begin + grid.step)) / 1000000n;
      const point = timestampMs === null ? 0 : Number((BigInt(timestampMs) - first) * 1000000n / BigInt(grid.step));
      values[point] = v.sixDigits(typeof value === 'number' ? value : Number(value.replace('Inf', 'Infinity')));  // a text would lose -0
    }
    return `{${series.labels.map(({ key, value }) => `${key}=${shownValue(value)}`).join(', ')}} ${values.join(' ')}`;
  });
}

export class RunningServer {
  constructor(binary) {
    this.server = new Server({ binary, directory: scratchDirectory('traceql-http'), config: 'multi_tenancy: true\n' });
    this.epoch = (BigInt(Date.now()) / 60000n - 120n) * 60000000000n;  // two hours ago, a whole minute
  }
  start() { return this.server.start(); }
  async restart() { await this.server.stop(); await this.server.start(); }
  stop() { return this.server.stop(); }

  async send(tenant, spans) {
    const body = JSON.stringify({ resourceSpans: spans.map((span) => resourceSpans(span, this.epoch)) });
    const answer = await ask('POST', `${this.server.url}/v1/traces`, tenant, body);
    if (answer.status !== 200 || /rejected/.test(answer.text)) throw new Error(`spans were refused: ${answer.status} ${answer.text}`);
  }

  // The lines of the answer.
  async answer(tenant, question, grid, random) {
    const query = new Renderer(random, this.epoch).question(question) + (question.hints ?? '');
    const seconds = (offset) => String((this.epoch + BigInt(offset)) / 1000000000n);
    const nanos = (offset) => String(this.epoch + BigInt(offset));
    let path;
    if (question.kind === 'metrics') {
      path = `/api/metrics/${question.step ? 'query_range' : 'query'}?` + new URLSearchParams({
        q: query, start: nanos(question.range[0]), end: nanos(question.range[1]), ...(question.step && { step: `${question.step / 1e9}s` }) });
    } else {
      path = '/api/search?' + new URLSearchParams({ q: query, limit: String(question.limit ?? 20), spss: '0', ...(question.slowest && { order: 'duration' }),
        ...(question.range && { start: seconds(question.range[0]), end: seconds(question.range[1] - 1e9) }) });  // the second `end` is in it
    }
    const answer = await ask('GET', this.server.url + path, tenant);
    if (answer.status !== 200) return { query, lines: [`${answer.status} ${answer.text}`] };
    const body = JSON.parse(answer.text);
    const lines = question.kind === 'metrics' ? metricsLines(body, this.epoch, grid) : searchLines(body);
    return { query, lines: lines.length > 0 ? lines : ['none'] };
  }
}
