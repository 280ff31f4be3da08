// What the server alone costs: start to ready (empty, and with data stored), idle memory, binary size.
// ./dev bench footprint [--json FILE] [--stored-mb 1000]
import { copyFileSync, readdirSync, statSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import path from 'node:path';
import { row, finishReport } from './report.mjs';
import { Message, snappyLiterals } from './protobuf.mjs';
import { Server, argument, scratchDirectory } from '../tests/e2e/stack/server.mjs';

const binary = argument('server', 'build/release/obelisk');
const storedMegabytes = Number(argument('stored-mb', '1000'));
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function directoryBytes(directory) {
  let total = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const full = path.join(directory, entry.name);
    if (entry.isDirectory()) total += directoryBytes(full);
    else if (full.includes(`${path.sep}tenants${path.sep}`)) total += statSync(full).size;
  }
  return total;
}

// Log lines whose text hardly compresses, so that a GB stored is soon reached.
function incompressiblePush(request) {
  const stream = new Message().bytes(1, `{service="fill-${request % 20}"}`);
  const base = BigInt(Date.now()) * 1_000_000n - 3_600_000_000_000n;
  for (let i = 0; i < 2000; ++i) {
    const nanos = base + BigInt(request * 2000 + i) * 1000n;
    const time = new Message().varint(1, nanos / 1_000_000_000n).varint(2, nanos % 1_000_000_000n);
    stream.message(2, new Message().message(1, time).bytes(2, randomBytes(1500).toString('base64')));
  }
  return snappyLiterals(new Message().message(1, stream).finish());
}

async function post(server, payload) {
  await new Promise((resolve, reject) => {
    const request = http.request(`${server.url}/loki/api/v1/push`, { method: 'POST', headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' } }, (response) => {
      response.resume();
      response.on('end', () => (response.statusCode < 300 ? resolve() : reject(new Error(`push: ${response.statusCode}`))));
    });
    request.on('error', reject);
    request.end(payload);
  });
}

const stripped = path.join(scratchDirectory('strip'), 'obelisk');
copyFileSync(binary, stripped);
execFileSync('strip', [stripped]);
row('binary, stripped', statSync(stripped).size / 1e6, 'MB');

const empty = [];
let idle = 0;
for (let i = 0; i < 5; ++i) {
  const server = await new Server({ binary: stripped, directory: scratchDirectory('footprint') }).start();
  empty.push(server.startMillis);
  if (i === 4) {
    await new Promise((resolve) => setTimeout(resolve, 5000));
    idle = server.residentBytes();
  }
  await server.stop();
}
row('start to ready, empty directory, median of 5', median(empty), 'ms');
row('resident memory, idle for 5 s', idle / 1e6, 'MB');

if (storedMegabytes > 0) {
  const directory = scratchDirectory('stored');
  const server = await new Server({ binary: stripped, directory }).start();
  // About 2.3 MB stored a push.
  for (let sent = 0; ; ++sent) {
    await post(server, incompressiblePush(sent));
    if (sent % 50 === 49 && directoryBytes(directory) > storedMegabytes * 1e6) break;
    if (sent > 20000) throw new Error('the store does not grow as expected');
  }
  await server.stop();
  const stored = directoryBytes(directory);
  const full = [];
  for (let i = 0; i < 5; ++i) {
    await server.start();
    full.push(server.startMillis);
    if (i === 4) {
      await new Promise((resolve) => setTimeout(resolve, 5000));
      row('resident memory with that stored, idle for 5 s', server.residentBytes() / 1e6, 'MB');
    }
    await server.stop();
  }
  row('stored in parts', stored / 1e6, 'MB');
  row('start to ready with that stored, median of 5', median(full), 'ms');
}
finishReport();
process.exit(0);
