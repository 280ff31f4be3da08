// Builds the interface for the server's build: packages if the lock file changed, types, bundle, budget, C++ source.
//   node ui/tools/build.mjs --out DIRECTORY       writes DIRECTORY/dist, ui.blob, embedded_ui.cc
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { out: { type: 'string' } } });
if (!values.out) {
  console.error('usage: build.mjs --out DIRECTORY');
  process.exit(2);
}
const here = fileURLToPath(new URL('..', import.meta.url));
const out = path.resolve(values.out);
const dist = path.join(out, 'dist');

function run(command, ...parameters) {
  const { status, error, stdout, stderr } = spawnSync(command, parameters, { cwd: here, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (error) throw error;
  if (status !== 0) {
    process.stderr.write(`${stdout}${stderr}\n${command} ${parameters.join(' ')} failed\n`);
    process.exit(1);
  }
  return stdout;
}

const lock = path.join(here, 'package-lock.json');
const installed = path.join(here, 'node_modules', '.installed-lock');
if (!existsSync(installed) || readFileSync(lock, 'utf8') !== readFileSync(installed, 'utf8')) {
  run('npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error');
  copyFileSync(lock, installed);
}
const binary = (name) => path.join(here, 'node_modules', '.bin', name);
// By this very node: another one may come first in the path.
run(process.execPath, binary('tsc'), '--noEmit');
run(process.execPath, binary('vite'), 'build', '--outDir', dist, '--emptyOutDir', '--logLevel', 'warn');
process.stdout.write(run(process.execPath, path.join(here, 'tools/check_budget.mjs'), '--dist', dist));
process.stdout.write(run(process.execPath, path.join(here, 'tools/embed.mjs'), '--dist', dist, '--out', out));
