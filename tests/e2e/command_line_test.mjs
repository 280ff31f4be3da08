// What the program says to a stranger's mistakes: a wrong word or option, an address or a directory that is taken, a file or a
// key that is wrong. Each answer names what, where, and a way out. And a polite stop under load loses nothing.
// Usage: node tests/e2e/command_line_test.mjs --server BINARY
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { Checks, until } from './stack/checks.mjs';
import { Server, argument, freePorts, scratchDirectory } from './stack/server.mjs';

const binary = path.resolve(argument('server', 'build/release/obelisk'));
const directory = scratchDirectory('command-line');
const checks = new Checks();
const check = (name, run) => checks.check(name, run);

function run(...words) {
  const { status, stdout, stderr } = spawnSync(binary, words, { encoding: 'utf8', timeout: 60_000, cwd: directory });
  return { code: status, out: stdout, error: stderr };
}

function refused({ code, out, error }, expected_code, ...patterns) {
  assert.equal(code, expected_code, error + out);
  assert.match(error, /^obelisk: /);
  for (const pattern of patterns) assert.match(error, pattern);
}

await check('help and version', () => {
  for (const words of [['--help'], ['-h']]) {
    const { code, out } = run(...words);
    assert.equal(code, 0);
    for (const command of ['serve', 'check', 'inspect', 'backfill']) assert.match(out, new RegExp(`^  ${command} `, 'm'));
  }
  const { code, out } = run('serve', '--help');
  assert.equal(code, 0);
  for (const option of ['--config', '--listen', '--data-dir']) assert.match(out, new RegExp(option));
  assert.match(run('--version').out, /^obelisk \d/);
  assert.equal(run('version').out, run('--version').out);
});

await check('a wrong word names the nearest, and where to look', () => {
  refused(run(), 2, /a command is missing; "obelisk serve" starts the server/, /obelisk --help/);
  refused(run('serv'), 2, /no command is called "serv", did you mean "serve"\?/, /obelisk --help/);
  refused(run('frobnicate'), 2, /no command is called "frobnicate"\n/);
  refused(run('serve', '--lisen', '127.0.0.1:1'), 2, /obelisk serve has no option --lisen, did you mean "--listen"\?/, /obelisk serve --help/);
  refused(run('serve', '--lisen=127.0.0.1:1'), 2, /no option --lisen,/);
  refused(run('serve', 'extra'), 2, /obelisk serve: .*extra/);
  refused(run('--frobnicate'), 2, /obelisk has no option --frobnicate/);
  refused(run('serve', '--data-dir'), 2, /--data-dir/);
  refused(run('inspect'), 2, /FILE is required/);
  refused(run('inspect', 'nowhere'), 2, /nowhere/);
  writeFileSync(path.join(directory, 'a_page'), '# EOF\n');
  refused(run('backfill', 'openmetrics', '--urll', 'a_page'), 2, /obelisk backfill openmetrics has no option --urll, did you mean "--url"\?/);
});

await check('a wrong value of an option names the option', () => {
  refused(run('serve', '--listen', 'nonsense'), 1, /--listen: an address such as 127\.0\.0\.1:4319, not "nonsense"/);
  refused(run('serve', '--listen', `it's "odd"\\`), 1, /--listen: an address such as .*it's "odd"\\/);
  refused(run('serve', '--log-level', 'loud'), 1, /--log-level: .*debug, info, warning or error/);
  assert.doesNotMatch(run('serve', '--listen', 'nonsense').error, /command line:1|line 1/);
});

await check('a wrong file or key names the file, the line and the nearest key', () => {
  refused(run('serve', '--config', 'nowhere.yaml'), 2, /nowhere\.yaml/);
  writeFileSync(path.join(directory, 'key.yaml'), 'data_dir: d\nlistn: 127.0.0.1:1\n');
  for (const command of ['serve', 'check']) refused(run(command, '--config', 'key.yaml'), 1, /key\.yaml:2: configuration: unknown key "listn", did you mean "listen"\?/);
  writeFileSync(path.join(directory, 'broken.yaml'), 'data_dir: [1,\n');
  refused(run('serve', '--config', 'broken.yaml'), 1, /broken\.yaml:\d+: /);
});

const free = ['--otlp-grpc-listen', 'off', '--otlp-http-listen', 'off'];

await check('an address that is taken is named, with a way out', async () => {
  const taken = createServer();
  await new Promise((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address();
  refused(run('serve', '--listen', `127.0.0.1:${port}`, ...free, '--data-dir', 'd1'), 1, new RegExp(`listen.*cannot listen on 127\\.0\\.0\\.1:${port}: Address already in use; another process listens there.*choose another address`));
  taken.close();
});

await check('a data directory that cannot be one is named', async () => {
  const [port] = await freePorts(1);
  writeFileSync(path.join(directory, 'a_file'), '');
  for (const [place, why] of [['a_file', /not a directory/], ['a_file/below', /ot a directory/], ['/proc/obelisk', /No such file|denied|not permitted/]])
    refused(run('serve', '--listen', `127.0.0.1:${port}`, ...free, '--data-dir', place), 1, new RegExp(`data directory ${place}: `), why);
  if (process.getuid() !== 0) {
    mkdirSync(path.join(directory, 'read_only'), { mode: 0o555 });
    refused(run('serve', '--listen', `127.0.0.1:${port}`, ...free, '--data-dir', 'read_only'), 1, /data directory read_only: .*denied/);
  }
});

await check('a second server on one directory is refused and harms nothing; a stop under load keeps what was acknowledged', async () => {
  const own = path.join(directory, 'own');
  mkdirSync(own);
  const server = await new Server({ binary, directory: own }).start();
  const [port] = await freePorts(1);
  refused(run('serve', '--listen', `127.0.0.1:${port}`, ...free, '--data-dir', path.join(own, 'data')), 1, /data directory .*LOCK is locked: another server uses this data directory; stop it, or choose another/);

  const begun_ms = Date.now();
  let acknowledged = 0;
  let stopping = false;
  const sender = async (lane) => {
    for (let number = 0; ; number++) {
      const values = [[`${BigInt(begun_ms) * 1000000n + BigInt(lane * 1_000_000 + number)}`, `line ${lane} ${number}`]];
      const status = await server.postJson('/loki/api/v1/push', { streams: [{ stream: { app: 'stop', lane: String(lane) }, values }] }).then((answer) => answer.status, () => null);
      if (status === 204) acknowledged++;
      else if (stopping) return; // refused or cut off while it stops
      else throw new Error(`a push was answered ${status} before the stop`);
    }
  };
  const senders = [1, 2, 3, 4].map(sender);
  await until('some acknowledged lines', () => acknowledged > 200, 60);
  stopping = true;
  const ended = await server.stop('SIGTERM');
  await Promise.all(senders);
  assert.deepEqual(ended, { code: 0, signal: null }, server.output);
  assert.match(server.output, /stopping[^]*stopped/);

  const again = await new Server({ binary, directory: own }).start();
  const answer = await again.getJson(`/loki/api/v1/query?${new URLSearchParams({ query: 'sum(count_over_time({app="stop"}[10m]))', time: String(Math.ceil(begun_ms / 1000) + 300) })}`);
  const stored = Number(answer.data.result[0].value[1]);
  assert.ok(stored >= acknowledged, `${stored} lines are stored, ${acknowledged} were acknowledged`);
  await again.stop();
  return `${acknowledged} acknowledged, ${stored} stored`;
});

process.exit(checks.finish());
