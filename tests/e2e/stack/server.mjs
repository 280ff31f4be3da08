// Starts a real server on free ports with a scratch directory, and stops it. Used by every end-to-end test and bench.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => new Promise((resolve, reject) => {
      const server = createServer();
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => resolve(server));
    })),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export function scratchDirectory(name) {
  const directory = mkdtempSync(path.join(tmpdir(), `obelisk-${name}-`));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function argument(name, fallback) {
  const index = process.argv.indexOf(`--${name}`);
  return index >= 0 && index + 1 < process.argv.length ? process.argv[index + 1] : fallback;
}

export class Server {
  // options: binary, directory, config (text appended to obelisk.yaml), files {name: text}
  constructor(options) {
    this.options = options;
    this.directory = options.directory;
    this.output = '';
  }

  async start() {
    if (!this.ports) this.ports = await freePorts(3);
    const [main, grpc, http] = this.ports;
    for (const [name, text] of Object.entries(this.options.files ?? {})) {
      writeFileSync(path.join(this.directory, name), text);
    }
    const config = path.join(this.directory, 'obelisk.yaml');
    writeFileSync(config, [
      `listen: 127.0.0.1:${main}`, `otlp_grpc_listen: 127.0.0.1:${grpc}`, `otlp_http_listen: 127.0.0.1:${http}`,
      'data_dir: data', this.options.config ?? '',
    ].join('\n') + '\n');
    this.url = `http://127.0.0.1:${main}`;
    const started = process.hrtime.bigint();
    this.process = spawn(this.options.binary, ['serve', '--config', config], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.exited = new Promise((resolve) => this.process.once('exit', (code, signal) => resolve({ code, signal })));
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.on('data', (data) => { this.output = (this.output + data).slice(-64 * 1024); });
    }
    let gone = false;
    this.exited.then(() => { gone = true; });
    const deadline = Date.now() + 60_000;
    for (;;) {
      try {
        const response = await fetch(`${this.url}/ready`);
        await response.arrayBuffer();
        if (response.status === 200) break;
      } catch { /* not listening yet */ }
      if (gone) throw new Error(`the server stopped while starting:\n${this.output}`);
      if (Date.now() > deadline) throw new Error(`the server was not ready within 60 s:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    this.startMillis = Number(process.hrtime.bigint() - started) / 1e6;
    return this;
  }

  async stop(signal = 'SIGTERM') {
    if (!this.process || this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 60_000);
    const result = await this.exited;
    clearTimeout(timer);
    return result;
  }

  // User and system CPU seconds of the server process so far.
  cpuSeconds() {
    const text = readFileSync(`/proc/${this.process.pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  residentBytes() {
    const text = readFileSync(`/proc/${this.process.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(text)[1]) * 1024;
  }

  async getJson(pathAndQuery, headers = {}) {
    const response = await fetch(this.url + pathAndQuery, { headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`GET ${pathAndQuery}: ${response.status} ${text.slice(0, 500)}`);
    return JSON.parse(text);
  }

  async postJson(pathname, body) {
    const response = await fetch(this.url + pathname, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, text };
  }
}
