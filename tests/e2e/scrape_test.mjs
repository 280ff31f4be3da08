// Scraping as a user sets it up: a prometheus.yml, targets that are real HTTP and HTTPS servers, and questions to the
// APIs. Relabelling, limits, staleness, credentials, discovery by file and HTTP, reload, and secrets that stay hidden.
// Usage: node tests/e2e/scrape_test.mjs --server BINARY
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { Checks } from './stack/checks.mjs';
import { Server, argument, scratchDirectory } from './stack/server.mjs';

const binary = argument('server', 'build/release/obelisk');
const directory = scratchDirectory('scrape');
const checks = new Checks();
const test = (name, run) => checks.check(name, run);

function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(`127.0.0.1:${server.address().port}`)));
}

// Targets answer what `pages` has for their path; a function gets the request.
const pages = {};
const seen = {};
function answer(request, response) {
  const name = request.url.split('?')[0];
  seen[name] = { url: request.url, headers: request.headers };
  let page = pages[name];
  if (typeof page === 'function') page = page(request);
  if (page === undefined || page.status) {
    response.writeHead(page?.status ?? 404, page?.headers).end();
    return;
  }
  const headers = { 'content-type': 'text/plain; version=0.0.4' };
  if (/gzip/.test(request.headers['accept-encoding'] ?? '')) {
    response.writeHead(200, { ...headers, 'content-encoding': 'gzip' }).end(gzipSync(page));
  } else {
    response.writeHead(200, headers).end(page);
  }
}
const target = http.createServer(answer);
const address = await listen(target);
const foreign = http.createServer(answer);
const foreignAddress = await listen(foreign);

// A certificate of our own for the name "target.test", and a key pair for the client.
const file = (name) => path.join(directory, name);
execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-subj',
  '/CN=target.test', '-addext', 'subjectAltName=DNS:target.test', '-keyout', file('key.pem'), '-out', file('cert.pem')], { stdio: 'ignore' });
const secure = https.createServer({
  key: readFileSync(file('key.pem')), cert: readFileSync(file('cert.pem')), ca: readFileSync(file('cert.pem')), requestCert: true, rejectUnauthorized: true,
}, answer);
const secureAddress = await listen(secure);

pages['/plain'] = 'requests_total{path="/a",secret="x"} 1\ngo_info 1\n';
pages['/auth'] = (request) => (request.headers.authorization === 'Basic dXNlcjpwdy1mcm9tLWZpbGU=' ? 'auth_ok 1\n' : { status: 401 });
let tokens = 0;
pages['/oauth'] = (request) => (request.headers.authorization === 'Bearer token-1' ? 'oauth_ok 1\n' : { status: 401 });
const tokenServer = http.createServer((request, response) => {
  ++tokens;
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ access_token: `token-${tokens}`, expires_in: 3600 }));
});
const tokenAddress = await listen(tokenServer);
pages['/redirect'] = () => ({ status: 302, headers: { location: `http://${foreignAddress}/landed` } });
pages['/landed'] = 'landed 1\n';
pages['/limited'] = 'l1 1\nl2 2\nl3 3\n';
pages['/tls'] = 'tls_ok 1\n';
pages['/found'] = 'found 1\n';
const groups = { json: JSON.stringify([{ targets: [address], labels: { __metrics_path__: '/found', via: 'http' } }]) };
const discovery = http.createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(groups.json);
});
const discoveryAddress = await listen(discovery);

function targetsFile(list) {
  writeFileSync(file('targets.json.new'), JSON.stringify(list));
  renameSync(file('targets.json.new'), file('targets.json'));
}
mkdirSync(directory, { recursive: true });
writeFileSync(file('password'), 'pw-from-file\n');
targetsFile([{ targets: [address], labels: { __metrics_path__: '/found', via: 'file' } }]);

const configuration = (extra = '') => `
global: {scrape_interval: 250ms, scrape_timeout: 250ms, external_labels: {site: test}}
scrape_configs:
- job_name: plain
  metrics_path: /plain
  params: {module: [m]}
  relabel_configs:
  - {source_labels: [__address__], regex: 'drop.me:1', action: drop}
  - {source_labels: [__address__], regex: '(.*):.*', target_label: host, replacement: '\${1}'}
  metric_relabel_configs:
  - {source_labels: [__name__], regex: 'go_.*', action: drop}
  - {regex: secret, action: labeldrop}
  static_configs: [{targets: ['${address}', 'drop.me:1']}]
- job_name: auth
  metrics_path: /auth
  basic_auth: {username: user, password_file: password}
  static_configs: [{targets: ['${address}']}]
- job_name: oauth
  metrics_path: /oauth
  oauth2: {client_id: me, client_secret: hidden-oauth-secret, token_url: 'http://${tokenAddress}/token'}
  static_configs: [{targets: ['${address}']}]
- job_name: redirect
  metrics_path: /redirect
  authorization: {credentials: hidden-bearer-token}
  http_headers: {X-Key: {secrets: [hidden-header]}}
  static_configs: [{targets: ['${address}']}]
- job_name: limited
  metrics_path: /limited
  sample_limit: 2
  extra_scrape_metrics: true
  static_configs: [{targets: ['${address}']}]
- job_name: tls
  metrics_path: /tls
  scheme: https
  tls_config: {ca_file: cert.pem, cert_file: cert.pem, key_file: key.pem, server_name: target.test}
  static_configs: [{targets: ['${secureAddress}']}]
- job_name: tls_wrong_name
  metrics_path: /tls
  scheme: https
  tls_config: {ca_file: cert.pem, cert_file: cert.pem, key_file: key.pem}
  static_configs: [{targets: ['${secureAddress}']}]
- job_name: found
  file_sd_configs: [{files: [targets.json], refresh_interval: 100ms}]
  http_sd_configs: [{url: 'http://${discoveryAddress}/sd', refresh_interval: 100ms}]
${extra}`;

const server = await new Server({
  binary, directory, config: 'prometheus_config: prometheus.yml', files: { 'prometheus.yml': configuration() },
}).start();

async function query(text) {
  const answerOf = await server.getJson(`/api/v1/query?${new URLSearchParams({ query: text })}`);
  return answerOf.data.result;
}
async function waitFor(what, condition, milliseconds = 15_000) {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${milliseconds} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
const one = async (text) => waitFor(text, async () => (await query(text))[0]);
const none = async (text) => waitFor(`no ${text}`, async () => (await query(text)).length === 0);
async function activeTarget(job) {
  return waitFor(`a scrape of ${job}`, async () => {
    const found = (await server.getJson(`/api/v1/targets?scrapePool=${job}`)).data.activeTargets[0];
    return found?.health !== 'unknown' && found;
  });
}

await test('relabelling of targets and metrics', async () => {
  const series = await one('requests_total');
  assert.deepEqual(series.metric, { __name__: 'requests_total', host: '127.0.0.1', instance: address, job: 'plain', path: '/a' });
  assert.deepEqual(await query('go_info'), []);
  assert.equal((await one('scrape_samples_scraped{job="plain"}')).value[1], '2');
  assert.equal((await one('scrape_samples_post_metric_relabeling{job="plain"}')).value[1], '1');
  assert.equal(seen['/plain'].url, '/plain?module=m');
  assert.match(seen['/plain'].headers.accept, /^application\/openmetrics-text;version=1\.0\.0;escaping=allow-utf-8;q=0\.5,/);
  const { data } = await server.getJson('/api/v1/targets');
  assert.equal(data.droppedTargetCounts.plain, 1);
  assert.equal(data.droppedTargets[0].discoveredLabels.__address__, 'drop.me:1');
});

await test('a series and a target that vanish become stale', async () => {
  pages['/plain'] = 'requests_total{path="/b"} 5\n';
  await one('requests_total{path="/b"}');
  await none('requests_total{path="/a"}');
  pages['/plain'] = { status: 500 };
  await none('requests_total');
  assert.equal((await one('up{job="plain"} == 0')).value[1], '0');
  assert.match((await activeTarget('plain')).lastError, /500/);
  pages['/plain'] = 'requests_total{path="/b"} 6\n';
  await one('requests_total == 6');
});

await test('basic authentication with a password file, and OAuth2', async () => {
  await one('auth_ok');
  await one('oauth_ok');
  assert.equal(tokens, 1);
});

await test('a redirect to another host carries no credentials', async () => {
  await one('landed');
  assert.equal(seen['/redirect'].headers.authorization, 'Bearer hidden-bearer-token');
  assert.equal(seen['/redirect'].headers['x-key'], 'hidden-header');
  assert.equal(seen['/landed'].headers.authorization, undefined);
  assert.equal(seen['/landed'].headers['x-key'], undefined);
});

await test('a page over its limit is refused as a whole', async () => {
  assert.match((await activeTarget('limited')).lastError, /sample limit exceeded: 3 samples, the limit is 2/);
  assert.deepEqual(await query('l1'), []);
  assert.equal((await one('scrape_samples_scraped{job="limited"}')).value[1], '3');
  assert.equal((await one('scrape_sample_limit{job="limited"}')).value[1], '2');
});

await test('TLS with client certificate, and a name that does not fit', async () => {
  await one('tls_ok{job="tls"}');
  const wrong = await activeTarget('tls_wrong_name');
  assert.equal(wrong.health, 'down');
  assert.match(wrong.lastError, /certificate|subject/i);
});

await test('discovery by file and HTTP follows its source', async () => {
  assert.equal((await one('found{via="file"}')).metric.job, 'found');
  await one('found{via="http"}');
  targetsFile([]);
  await none('found{via="file"}');
  groups.json = 'nonsense'; // a failing discovery keeps what it had
  await new Promise((resolve) => setTimeout(resolve, 300));
  await one('found{via="http"}');
});

await test('target metadata, pools and relabel steps', async () => {
  assert.deepEqual((await server.getJson('/api/v1/scrape_pools')).data.scrapePools,
    ['auth', 'found', 'limited', 'oauth', 'plain', 'redirect', 'tls', 'tls_wrong_name']);
  const labels = JSON.stringify({ __address__: 'drop.me:1' });
  const steps = await server.getJson(`/api/v1/targets/relabel_steps?${new URLSearchParams({ scrapePool: 'plain', labels })}`);
  assert.deepEqual(steps.data.steps.map((step) => step.keep), [false]);
});

await test('no secret is shown', async () => {
  const shown = JSON.stringify(await server.getJson('/api/v1/status/config')) + JSON.stringify(await server.getJson('/api/v1/targets'))
    + (await (await fetch(`${server.url}/metrics`)).text()) + server.output;
  assert.match(shown, /client_secret: <secret>/);
  for (const secret of ['hidden-oauth-secret', 'hidden-bearer-token', 'hidden-header', 'pw-from-file', 'token-1']) {
    assert.ok(!shown.includes(secret), secret);
  }
});

await test('a reload is checked first, and takes over', async () => {
  const reload = () => fetch(`${server.url}/-/reload`, { method: 'POST' });
  const success = async () => /^obelisk_config_last_reload_successful (\d)/m.exec(await (await fetch(`${server.url}/metrics`)).text())[1];
  assert.equal(await success(), '1');
  writeFileSync(file('prometheus.yml'), configuration('- job_name: more\n  static_confgs: []\n'));
  const bad = await reload();
  assert.equal(bad.status, 400);
  assert.match(await bad.text(), /prometheus\.yml:\d+: .*"static_confgs", did you mean "static_configs"/);
  assert.equal(await success(), '0');
  assert.equal((await server.getJson('/api/v1/scrape_pools')).data.scrapePools.length, 8);
  writeFileSync(file('prometheus.yml'), configuration('- job_name: cloud\n  ec2_sd_configs: [{region: x}]\n'));
  assert.match(await (await reload()).text(), /ec2_sd_configs is not supported.*http_sd_configs/);
  writeFileSync(file('prometheus.yml'), 'global: {scrape_interval: 250ms}\n');
  assert.equal((await reload()).status, 200);
  assert.equal(await success(), '1');
  await none('found');
  await none('up');
});

await server.stop();

await test('check tells a wrong file from one that cannot be served', async () => {
  const check = (text, ...flags) => {
    writeFileSync(file('prometheus.yml'), text);
    try {
      return { code: 0, out: execFileSync(binary, ['check', '--config', file('obelisk.yaml'), ...flags], { encoding: 'utf8', stdio: 'pipe' }) };
    } catch (error) {
      return { code: error.status, out: error.stderr };
    }
  };
  const cloud = 'remote_write: [{url: "http://far/"}]\nscrape_configs:\n- job_name: c\n  ec2_sd_configs: [{region: x}]\n';
  const valid = check(cloud);
  assert.equal(valid.code, 0);
  assert.match(valid.out, /not served: .*remote_write/);
  assert.match(valid.out, /a start is refused: .*prometheus\.yml:4: ec2_sd_configs/);
  assert.equal(check(cloud, '--strict').code, 1);
  const wrong = check('scrape_configs:\n- job_name: c\n  ec2_sd_configs: [{regio: x}]\n');
  assert.equal(wrong.code, 1);
  assert.match(wrong.out, /prometheus\.yml:3: .*did you mean "region"/);
});

for (const one of [target, foreign, secure, tokenServer, discovery]) one.closeAllConnections?.(), one.close();
process.exit(checks.finish());
