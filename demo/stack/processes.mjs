// The processes of a demonstration, started together and stopped together.
//  - Each writes its output to <log_directory>/<name>.log and runs in a process group of its own, so that Ctrl-C reaches
//    only the one who started it, who then stops them in order: the last started first.
//  - A process that ends before it is told to makes `failure` reject with its name, how it ended and its last lines.
//  - None outlives its starter: services watch their standard input; others get SIGTERM from the kernel (setpriv).
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';

const last_lines_shown = 15;
const stop_patience_ms = 6000;
const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => existsSync(file));

export class ProcessGroup {
  #log_directory;
  #children = [];
  #stopping = false;
  #fail;

  constructor(log_directory) {
    this.#log_directory = log_directory;
    mkdirSync(log_directory, { recursive: true });
    this.failure = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failure.catch(() => {}); // whoever waits for it sees it; nobody may be waiting
  }

  // watches_parent: the program ends by itself when its standard input closes.
  start({ name, command, args, environment = {}, watches_parent = false }) {
    const log_file = path.join(this.#log_directory, `${name}.log`);
    const output = openSync(log_file, 'w');
    const tied = !watches_parent && setpriv ? [setpriv, '--pdeathsig', 'TERM', '--', command] : [command];
    const child = spawn(tied[0], [...tied.slice(1), ...args], {
      detached: true,
      env: { ...process.env, ...environment },
      stdio: [watches_parent ? 'pipe' : 'ignore', output, output],
    });
    closeSync(output);
    const entry = { name, child, log_file, ended: null };
    entry.ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#fail(new Error(`${name} could not be started: ${error.message}`));
        resolve();
      });
      child.once('exit', (code, signal) => {
        if (!this.#stopping) this.#fail(new Error(this.#describe_end(entry, code, signal)));
        resolve();
      });
    });
    this.#children.push(entry);
    return entry;
  }

  #describe_end({ name, log_file }, code, signal) {
    const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
    return `${name} ${how} while it was needed. Its last lines (${log_file}):\n${last_lines(log_file)}`;
  }

  // Tells each to end, the last started first, and waits; one that does not end in time is killed.
  async stop() {
    this.#stopping = true;
    for (const entry of this.#children.toReversed()) await stop_one(entry);
    this.#children = [];
  }
}

async function stop_one({ child, ended }) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stop_patience_ms);
  await ended;
  clearTimeout(timer);
}

function last_lines(file) {
  const text = readFileSync(file, 'utf8').trimEnd();
  if (text === '') return '  (it wrote nothing)';
  return text
    .split('\n')
    .slice(-last_lines_shown)
    .map((line) => `  ${line}`)
    .join('\n');
}
