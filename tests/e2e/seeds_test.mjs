// Asks every expression of tests/seeds/expressions.mjs through the API: first of recorded samples and lines, where the
// answer is known exactly, then of the running shop after its burst.
// Usage: node tests/e2e/seeds_test.mjs --server BINARY [--only recorded|demo]
import assert from 'node:assert/strict';
import path from 'node:path';
import { Message, snappyLiterals } from '../../bench/protobuf.mjs';
import { demo, fragments, lines, logql, promql, series } from '../seeds/expressions.mjs';
import { Server, argument, scratchDirectory } from './stack/server.mjs';

const binary = argument('server', 'build/release/obelisk');
const only = argument('only', 'all');
let passed = 0;
const failures = [];

function check(name, question) {
  try {
    question();
    ++passed;
  } catch (error) {
    failures.push(`${name}\n    ${error.message.split('\n').slice(0, 40).join('\n    ')}`);
  }
}

// Every 15 s for 65 minutes up to `recordedSeconds`.
function remoteWrite(recordedSeconds) {
  const request = new Message();
  for (const [name, labels, value, slope] of series) {
    const last = value === 'recorded - 6000' ? recordedSeconds - 6000 : value;
    const timeseries = new Message();
    const all = Object.entries({ __name__: name, ...labels }).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, text] of all) timeseries.message(1, new Message().bytes(1, key).bytes(2, text));
    for (let before = 65 * 60; before >= 0; before -= 15) {
      timeseries.message(2, new Message().double(1, last - slope * before).varint(2, BigInt((recordedSeconds - before) * 1000)));
    }
    request.message(1, timeseries);
  }
  return snappyLiterals(request.finish());
}

function closeTo(actual, expected) {
  return actual === expected || Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected));
}

const keyOf = (labels) => JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

function sameVector(result, expected) {
  const actual = new Map(result.map(({ metric, value }) => [keyOf(metric), Number(value[1])]));
  const wanted = new Map(expected.map(([labels, value]) => [keyOf(labels), value]));
  const show = (map) => [...map].map(([key, value]) => `${key} ${value}`).sort().join('\n');
  const same = actual.size === wanted.size && [...wanted].every(([key, value]) => actual.has(key) && closeTo(actual.get(key), value));
  if (!same) throw new Error(`expected\n${show(wanted)}\ngot\n${show(actual)}`);
}

const askPromql = (server, query, time) => server.getJson(`/api/v1/query?${new URLSearchParams({ query, time: String(time) })}`);
const isMetricQuery = (query) => /^\s*(rate|count_over_time|bytes_rate|quantile_over_time)\s*\(/.test(query);

async function askLines(server, query, fromSeconds, toSeconds) {
  const parameters = new URLSearchParams({ query, start: `${fromSeconds}000000000`, end: `${toSeconds}000000000`, limit: '1000' });
  const answer = await server.getJson(`/loki/api/v1/query_range?${parameters}`);
  assert.equal(answer.data.resultType, 'streams');
  return answer.data.result
    .flatMap((stream) => stream.values)
    .sort(([a], [b]) => (BigInt(a) < BigInt(b) ? 1 : -1))
    .map(([, text]) => text);
}

async function askRecorded() {
  const server = await new Server({ binary, directory: scratchDirectory('seeds') }).start();
  try {
    const recorded = Math.floor(Date.now() / 60000) * 60;
    const pushed = await fetch(`${server.url}/api/v1/write`, {
      method: 'POST', body: remoteWrite(recorded),
      headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', 'x-prometheus-remote-write-version': '0.1.0' },
    });
    assert.equal(pushed.status, 204, await pushed.text());
    const streams = lines.map(([labels, before, text]) => ({ stream: labels, values: [[String(BigInt(recorded - before) * 1_000_000_000n), text]] }));
    const { status, text } = await server.postJson('/loki/api/v1/push', { streams });
    assert.equal(status, 204, text);

    for (const { query, expect, expectMatrix } of promql) {
      let answer;
      try { answer = await askPromql(server, query, recorded); } catch (error) { failures.push(`recorded PromQL: ${query}\n    ${error.message}`); continue; }
      check(`recorded PromQL: ${query}`, () => {
        if (!expectMatrix) return sameVector(answer.data.result, expect);
        assert.equal(answer.data.resultType, 'matrix');
        const counted = answer.data.result.map(({ metric, values }) => [metric, values.length, Number(values.at(-1)[1])]);
        sameVector(counted.map(([metric, count]) => ({ metric, value: [0, count] })), expectMatrix.map(([labels, count]) => [labels, count]));
        sameVector(counted.map(([metric, , last]) => ({ metric, value: [0, last] })), expectMatrix.map(([labels, , last]) => [labels, last]));
      });
    }
    for (const { query, expect, expectLines } of logql) {
      try {
        if (isMetricQuery(query)) {
          const answer = await server.getJson(`/loki/api/v1/query?${new URLSearchParams({ query, time: `${recorded}000000000` })}`);
          check(`recorded LogQL: ${query}`, () => sameVector(answer.data.result, expect));
        } else {
          const got = await askLines(server, query, recorded - 600, recorded + 1);
          check(`recorded LogQL: ${query}`, () => assert.deepEqual(got, expectLines));
        }
      } catch (error) { failures.push(`recorded LogQL: ${query}\n    ${error.message}`); }
    }
  } finally {
    await server.stop();
  }
}

async function askDemo() {
  const { Load } = await import('../../demo/load.mjs');
  const { profiles, write_configuration } = await import('../../demo/stack/configuration.mjs');
  const { find_free_ports, fixed_ports } = await import('../../demo/stack/ports.mjs');
  const { ProcessGroup } = await import('../../demo/stack/processes.mjs');
  const { server_process, shop_processes } = await import('../../demo/stack/shop.mjs');
  const { wait_for_http } = await import('../../demo/stack/wait.mjs');
  const directory = scratchDirectory('seeds-demo');
  const ports = await find_free_ports(Object.keys(fixed_ports));
  const processes = new ProcessGroup(path.join(directory, 'logs'));
  const load = new Load({ order_url: `http://127.0.0.1:${ports.order}`, sample_url: `http://127.0.0.1:${ports.sample}`, seed: '618' });
  const server = new Server({ binary, directory });
  server.url = `http://127.0.0.1:${ports.server}`;
  try {
    processes.start(server_process(binary, await write_configuration(path.join(directory, 'config'), profiles.story, ports)));
    await wait_for_http(`${server.url}/ready`, { deadline_ms: 20000 });
    for (const description of shop_processes(ports, '618')) processes.start(description);
    for (const name of ['notification', 'payment', 'inventory', 'order', 'sample']) {
      await wait_for_http(`http://127.0.0.1:${ports[name]}/health`, { deadline_ms: 30000 });
    }
    load.set_small_order_rate(5);
    load.set_sample_rate(5);
    await load.burst();
    // The slowest path is the sample app's metrics: exported on an interval. Ask until all hold, or the time is over.
    const questions = [
      ...demo.promql.map((question) => ({ ...question, name: `demo PromQL: ${question.printed ?? question.query}`,
        ask: async () => (await askPromql(server, question.query, Date.now() / 1000)).data.result.map(({ metric, value }) => [metric, Number(value[1])]) })),
      ...demo.logql.map((question) => ({ ...question, name: `demo LogQL: ${question.query}`,
        ask: () => askLines(server, question.query, Math.floor(Date.now() / 1000) - 600, Math.floor(Date.now() / 1000) + 1) })),
    ];
    let open = questions;
    const deadline = Date.now() + 45_000;
    while (open.length > 0 && Date.now() < deadline) {
      const still = [];
      for (const question of open) {
        question.answer = await question.ask();
        if (question.holds(question.answer)) ++passed; else still.push(question);
      }
      open = still;
      if (open.length > 0) await new Promise((resolve) => setTimeout(resolve, 500));
    }
    for (const question of open) failures.push(`${question.name}\n    answered ${JSON.stringify(question.answer).slice(0, 1000)}`);
  } finally {
    await load.stop();
    await processes.stop();
  }
}

if (only !== 'demo') await askRecorded();
if (only !== 'recorded') await askDemo();
for (const failure of failures) console.log(`FAILED ${failure}`);
console.log(`${fragments.length} fragments are not run; each says why in tests/seeds/expressions.mjs`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exit(failures.length === 0 ? 0 : 1);
