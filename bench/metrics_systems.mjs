// The systems that the metrics bench compares: Obelisk and, with --peers, Debian's Prometheus and VictoriaMetrics.
// Each is started in a scratch directory on a free port of 127.0.0.1 and asked through the API that all three share.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, openSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { freePorts, scratchDirectory } from '../tests/e2e/stack/server.mjs';

export const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

export function diskBytes(directory, keep = () => true) {
  if (!existsSync(directory)) return 0;
  let total = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const full = path.join(directory, entry.name);
    if (entry.isDirectory()) total += diskBytes(full, keep);
    else if (keep(full)) { const stat = lstatSync(full); total += Math.min(stat.size, stat.blocks * 512); }
  }
  return total;
}

class System {
  constructor(name) {
    this.name = name;
    this.directory = scratchDirectory(`bench-${name}`);
    this.data = path.join(this.directory, 'data');
    this.extra = [];
    this.scrapeYaml = 'global: {scrape_interval: 5s, scrape_timeout: 5s}\n';
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  }

  scrape(target) {
    this.scrapeYaml += `scrape_configs:\n- job_name: big\n  honor_labels: true\n  static_configs: [{targets: ['${target}']}]\n`;
  }

  // Starts the process; how long until it answers, in seconds.
  async start() {
    [this.port] = this.port ? [this.port] : await freePorts(1);
    const yaml = path.join(this.directory, 'prometheus.yml');
    writeFileSync(yaml, this.scrapeYaml);
    mkdirSync(this.data, { recursive: true });
    const output = openSync(path.join(this.directory, 'output'), 'a');
    const [command, args] = this.command(yaml);
    const started = process.hrtime.bigint();
    this.process = spawn(command, args, { stdio: ['ignore', output, output] });
    let gone = false;
    this.exited = new Promise((resolve) => this.process.once('exit', () => { gone = true; resolve(); }));
    for (;;) {
      try { if ((await this.request('GET', this.readyPath)).status === 200) break; } catch { /* not yet */ }
      if (gone) throw new Error(`${this.name} stopped while starting:\n${readFileSync(path.join(this.directory, 'output'), 'utf8').slice(-4000)}`);
      await pause(2);
    }
    return Number(process.hrtime.bigint() - started) / 1e9;
  }

  async stop(signal = 'SIGTERM') {
    this.process.kill(signal);
    await this.exited;
  }

  request(method, pathAndQuery, body, headers = {}) {
    return new Promise((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port: this.port, method, path: pathAndQuery, agent: this.agent,
        headers: body ? { ...headers, 'content-length': body.length } : headers }, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => resolve({ status: response.statusCode, text: Buffer.concat(parts).toString() }));
        response.on('error', reject);
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  async write(body) {
    const { status, text } = await this.request('POST', '/api/v1/write', body,
      { 'content-encoding': 'snappy', 'content-type': 'application/x-protobuf', 'x-prometheus-remote-write-version': '0.1.0' });
    if (status !== 200 && status !== 204) throw new Error(`${this.name}: write: ${status} ${text.slice(0, 300)}`);
  }

  // The result of an instant query, or with `range` {start, end, step} of a range query.
  async query(query, at) {
    const range = typeof at === 'object';
    const parameters = new URLSearchParams({ query, nocache: '1', ...(range ? at : { time: String(at) }) });
    const { status, text } = await this.request('GET', `/api/v1/query${range ? '_range' : ''}?${parameters}`);
    if (status !== 200) throw new Error(`${this.name}: ${query}: ${status} ${text.slice(0, 300)}`);
    return JSON.parse(text).data.result;
  }
  async number(query, at) { return Number((await this.query(query, at))[0]?.value[1] ?? 0); }
  async metrics() { return (await this.request('GET', '/metrics')).text; }

  cpuSeconds() {
    const text = readFileSync(`/proc/${this.process.pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }
  memory(key) {
    return Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${this.process.pid}/status`, 'utf8'))[1]) * 1024;
  }
}

export class Obelisk extends System {
  constructor(binary) { super('obelisk'); this.binary = binary; this.readyPath = '/ready'; }
  command(yaml) {
    const config = path.join(this.directory, 'obelisk.yaml');
    writeFileSync(config, `listen: 127.0.0.1:${this.port}\notlp_grpc_listen: "off"\notlp_http_listen: "off"\ndata_dir: ${this.data}\nprometheus_config: ${yaml}\n${this.extra.join('\n')}\n`);
    return [this.binary, ['serve', '--config', config]];
  }
  // A stop writes everything to parts; the next start merges them.
  async disk() {
    await this.stop();
    await this.start();
    const gauge = async (name) => Number(new RegExp(`^obelisk_metrics_${name} (\\S+)$`, 'm').exec(await this.metrics())?.[1] ?? NaN);
    for (let calm = 0, before = -1; calm < 6; await pause(500)) {
      const parts = await gauge('part_bytes');
      calm = parts === before ? calm + 1 : 0;
      before = parts;
    }
    const samples = await gauge('part_sample_bytes');
    return { samples, index: (await gauge('part_bytes')) - samples };
  }
}

export class Prometheus extends System {
  constructor() { super('prometheus'); this.readyPath = '/-/ready'; }
  command(yaml) {
    return ['prometheus', [`--config.file=${yaml}`, `--storage.tsdb.path=${this.data}`, `--web.listen-address=127.0.0.1:${this.port}`,
      '--web.enable-remote-write-receiver', '--web.enable-admin-api', '--log.level=warn']];
  }
  async disk() {
    const { text } = await this.request('POST', '/api/v1/admin/tsdb/snapshot');
    const snapshot = path.join(this.data, 'snapshots', JSON.parse(text).data.name);
    const samples = diskBytes(snapshot, (file) => path.basename(path.dirname(file)) === 'chunks');
    return { samples, index: diskBytes(snapshot) - samples };
  }
}

export class VictoriaMetrics extends System {
  constructor() { super('victoria'); this.readyPath = '/health'; }
  command(yaml) {
    return ['victoria-metrics', [`-httpListenAddr=127.0.0.1:${this.port}`, `-storageDataPath=${this.data}`, '-retentionPeriod=12',
      '-loggerLevel=WARN', '-search.maxUniqueTimeseries=3000000', '-search.latencyOffset=0s', `-promscrape.config=${yaml}`]];
  }
  async disk() {
    await this.request('GET', '/internal/force_flush');
    await this.request('GET', '/internal/force_merge');
    await pause(8000);
    return { samples: diskBytes(path.join(this.data, 'data')), index: diskBytes(path.join(this.data, 'indexdb')) };
  }
}

// Debian's packages, installed when they are missing; their services are not started.
export function installPeers() {
  const missing = [['prometheus', 'prometheus'], ['victoria-metrics', 'victoria-metrics']].filter(([, command]) => {
    try { execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }); return false; } catch { return true; }
  }).map(([name]) => name);
  if (missing.length === 0) return;
  const root = process.getuid() === 0 ? [] : ['sudo'];
  const run = (...command) => execFileSync(root.concat(command)[0], root.concat(command).slice(1), { stdio: ['ignore', 'ignore', 'inherit'] });
  run('apt-get', 'update', '-qq');
  // RUNLEVEL=1 keeps maintainer scripts from starting services.
  run('env', 'RUNLEVEL=1', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...missing);
}
