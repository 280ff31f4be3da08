import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ProcessGroup } from './processes.mjs';
import { find_free_ports, port_holder, require_free_ports } from './ports.mjs';
import { wait_until } from './wait.mjs';

let directory;

before(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'obelisk-processes-'));
});

after(() => rm(directory, { recursive: true }));

function node(name, script, options = {}) {
  return { name, command: process.execPath, args: ['-e', script], ...options };
}

function is_alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('a process that ends early is named, with how it ended and its last lines', async () => {
  const group = new ProcessGroup(directory);
  group.start(node('steady', 'setInterval(() => {}, 1000)'));
  group.start(node('brittle', 'console.log("cannot open the till"); process.exit(3)'));
  await assert.rejects(
    group.failure,
    /brittle ended with code 3 while it was needed.*brittle\.log\):\n  cannot open the till/s,
  );
  await group.stop();
});

test('a program that does not exist is named', async () => {
  const group = new ProcessGroup(directory);
  group.start({ name: 'absent', command: path.join(directory, 'absent'), args: [], watches_parent: true });
  await assert.rejects(group.failure, /absent could not be started: .*ENOENT/);
  await group.stop();
});

test('stop() ends all, the last started first, and is no failure', async () => {
  const group = new ProcessGroup(directory);
  const script = (name) => `
    process.on('SIGTERM', () => { require('fs').appendFileSync(${JSON.stringify(path.join(directory, 'order'))}, '${name} '); process.exit(0); });
    setInterval(() => {}, 1000); console.log('up')`;
  const names = ['first', 'second', 'third'];
  const children = names.map((name) => group.start(node(name, script(name))));
  for (const name of names) {
    await wait_until(
      async () => ({
        done: (await readFile(path.join(directory, `${name}.log`), 'utf8')) === 'up\n',
        why: `${name} is not up`,
      }),
      { deadline_ms: 10000, pause_ms: 20 },
    );
  }
  await group.stop();
  assert.equal(await readFile(path.join(directory, 'order'), 'utf8'), 'third second first ');
  for (const { child } of children) assert.equal(is_alive(child.pid), false);
  const state = await Promise.race([
    group.failure.catch((error) => error.message),
    Promise.resolve('no failure'),
  ]);
  assert.equal(state, 'no failure');
});

test('a port that is taken is refused by number, name and holder', async () => {
  const { shop } = await find_free_ports(['shop', 'other']);
  await require_free_ports({ shop });
  const group = new ProcessGroup(directory);
  const { child } = group.start(
    node('holder', `require('net').createServer().listen(${shop}, '127.0.0.1')`, { watches_parent: true }),
  );
  await wait_until(async () => ({ done: (await port_holder(shop)) !== null, why: 'nobody listens' }), {
    deadline_ms: 10000,
    pause_ms: 20,
  });
  await assert.rejects(
    require_free_ports({ shop }),
    new RegExp(`port ${shop} \\(shop\\) is taken by process ${child.pid}: .*stop it with: kill ${child.pid}`),
  );
  await group.stop();
  assert.equal(await port_holder(shop), null);
  await require_free_ports({ shop });
});
