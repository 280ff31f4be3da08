// The Targets view in headless Chromium against a server that scrapes: a live target with hostile labels, one where nobody
// listens, one not scraped yet, one that relabelling drops; without any scrape configuration; and when the server goes away.
// Usage: node tests/e2e/ui_targets_test.mjs --server BINARY. Screenshots go to build/screenshots.
import assert from 'node:assert/strict';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser, missingForBrowser } from './stack/browser.mjs';
import { Checks, parameter, sleep, until, viewPath } from './stack/checks.mjs';
import { Server, argument, freePorts, scratchDirectory } from './stack/server.mjs';

const binary = argument('server', 'build/release/obelisk');
const root = fileURLToPath(new URL('../../', import.meta.url));
const browser = new Browser(path.join(root, 'build/screenshots'));
const checks = new Checks(browser);
const check = (name, run) => checks.check(name, run);
const attack = '<img src=x onerror="window.pwned=1">';

const missing = missingForBrowser();
if (missing) {
  console.error(`ui_targets_test: ${missing}`);
  process.exit(1);
}

const live = http.createServer((request, response) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end('orders 1\n'));
await new Promise((resolve) => live.listen(0, '127.0.0.1', resolve));
const alive = `127.0.0.1:${live.address().port}`;
const [deadPort] = await freePorts(1);
const dead = `127.0.0.1:${deadPort}`;

const server = await new Server({
  binary, directory: scratchDirectory('ui-targets'), config: 'prometheus_config: prometheus.yml',
  files: { 'prometheus.yml': `
global: {scrape_interval: 500ms, scrape_timeout: 400ms}
scrape_configs:
- job_name: calm
  static_configs: [{targets: ['${alive}'], labels: {note: '${attack}', zone: west}}]
- job_name: shop
  relabel_configs: [{source_labels: [__address__], regex: 'drop.me:1', action: drop}]
  static_configs: [{targets: ['${alive}', '${dead}', 'drop.me:1'], labels: {__meta_rack: r7}}]
- job_name: rare
  scrape_interval: 1d
  static_configs: [{targets: ['late.invalid:1']}]
` },
}).start();
const bare = await new Server({ binary, directory: scratchDirectory('ui-targets-bare') }).start();

await until('scrapes', async () => {
  const { activeTargets } = (await server.getJson('/api/v1/targets')).data;
  return activeTargets.filter(({ health }) => health === 'up').length === 2 && activeTargets.some(({ health }) => health === 'down');
});
await browser.start();
const page = await browser.page(`${server.url}/ui/targets`);
const pool = (name) => page.locator('section.panel', { has: page.locator('h2', { hasText: new RegExp(`^${name}$`) }) });
const target = (address) => page.locator('button[data-target]', { hasText: address });

await check('pools, what fails first, with "n of m up" and the error in full', async () => {
  await pool('shop').getByText('1 of 2 up').waitFor();
  await pool('calm').getByText('1 of 1 up').waitFor();
  await pool('rare').getByText('0 of 1 up').waitFor();
  assert.deepEqual(await page.locator('section.panel h2').allInnerTexts(), ['shop', 'calm', 'rare']);
  const first = pool('shop').locator('tbody tr').first();
  assert.match(await first.innerText(), /Down/);
  // The error tells how long the attempt took: the page may still show the scrape before.
  const lastError = await until('the error in full', async () => {
    const target = (await server.getJson('/api/v1/targets?scrapePool=shop')).data.activeTargets.find(({ scrapeUrl }) => scrapeUrl.includes(dead));
    return target.lastError !== '' && (await first.innerText()).includes(target.lastError) && target.lastError;
  }, 60);
  assert.match(await first.innerText(), /\d s ago[\s\S]*500ms \/ 400ms/);
  assert.match(await pool('rare').locator('tbody tr').first().innerText(), /Unknown[\s\S]*not yet/);
  await browser.shot(page, 'targets');
  return lastError;
});
await check('hostile labels are text, and no address is a link', async () => {
  await pool('calm').getByText(attack).first().waitFor();
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  assert.deepEqual(await page.locator('main a').evaluateAll((all) => all.map((one) => one.getAttribute('href')).filter((href) => !href.startsWith('/ui/'))), []);
});
await check('it refreshes itself', async () => {
  const time = () => pool('calm').locator('time').first().getAttribute('datetime');
  const before = await time();
  await until('a later scrape', async () => (await time()) !== before);
});
await check('filters by state and text stand in the address, and a fresh browser opens the same', async () => {
  await page.getByRole('button', { name: 'Down 1' }).click();
  await until('the state', () => parameter(page, 'v') === 'state:down');
  await until('one target', async () => (await page.locator('button[data-target]').count()) === 1);
  await page.goBack();
  await until('all', async () => (await page.locator('button[data-target]').count()) === 4);
  await page.keyboard.press('/');
  await page.keyboard.type('ZONE=west', { delay: 15 });
  await until('the text', () => parameter(page, 'q') === 'ZONE=west');
  await until('one target', async () => (await page.locator('button[data-target]').count()) === 1);
  const fresh = await browser.page(page.url());
  await fresh.locator('button[data-target]', { hasText: alive }).waitFor();
  assert.equal(await fresh.locator('button[data-target]').count(), 1);
  await fresh.context().close();
  await page.getByRole('searchbox', { name: 'Find a target' }).fill('nobody');
  await page.getByRole('button', { name: 'Show all targets' }).click();
  await until('all', async () => (await page.locator('button[data-target]').count()) === 4 && parameter(page, 'q') === null);
});
await check('a target opens to its labels before relabelling; keys walk, open, close and lead to the metric', async () => {
  await page.locator('main').focus();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  assert.ok(await target(dead).evaluate((one) => one === document.activeElement));
  await page.keyboard.press('Enter');
  await page.getByText('__meta_rack').waitFor();
  await page.getByText('r7').waitFor();
  assert.match(parameter(page, 'at'), /^shop http/);
  await sleep(200);
  await browser.shot(page, 'targets-open');
  await page.keyboard.press('Escape');
  await until('closed', async () => (await page.getByText('__meta_rack').count()) === 0);
  await page.keyboard.press('m');
  await until('Metrics', () => viewPath(page) === '/ui/metrics');
  assert.equal(parameter(page, 'q'), `up{job="shop", instance="${dead}"}`);
  await page.goBack();
  await target(dead).waitFor();
});
await check('dropped targets on demand, with what was discovered', async () => {
  assert.equal(await page.getByText('drop.me:1').count(), 0);
  await page.getByRole('button', { name: 'Dropped 1' }).click();
  await page.locator('summary', { hasText: 'drop.me:1' }).click();
  await page.locator('section[aria-label="Dropped targets"]').getByText('__meta_rack').waitFor();
  assert.equal(parameter(page, 'v'), 'dropped:1');
  await page.getByRole('button', { name: 'Dropped 1' }).click();
});
await until('ten seconds of samples, more than one step of the chart', async () => (await server.getJson('/api/v1/query?query=up%20offset%2010s')).data.result.length === 3);
await check('one click to its metric, and from a failing one to how its scrapes went', async () => {
  await page.getByRole('link', { name: `up of http://${alive}/metrics` }).first().click();
  await until('the chart', () => page.locator('.uplot canvas').count());
  assert.match(parameter(page, 'q'), /^up\{job="shop", instance="127/);
  await page.goBack();
  await page.getByRole('link', { name: 'How its scrapes went' }).click();
  await until('the queries', () => new URL(page.url()).searchParams.getAll('q').some((one) => one.startsWith('scrape_samples_scraped{job="shop"')));
  await until('series', async () => (await page.locator('tbody tr').count()) >= 5);
  await page.goBack();
});
await check('g a and the palette lead here', async () => {
  await page.goto(`${server.url}/ui/`);
  await page.locator('nav.rail').waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('a');
  await until('Targets', () => viewPath(page) === '/ui/targets');
  await page.goto(`${server.url}/ui/`);
  await page.locator('nav.rail').waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Search' }).fill('targets that are down');
  await page.getByRole('option', { name: /Scrape targets that are down/ }).click();
  await until('those that are down', () => viewPath(page) === '/ui/targets' && parameter(page, 'v') === 'state:down');
});
for (const theme of ['dark', 'light']) {
  for (const [width, height] of [[1440, 900], [1000, 800], [390, 844]]) {
    await check(`accessibility, ${theme}, ${width} px wide, open and with dropped ones; nothing scrolls sideways`, async () => {
      const one = await browser.page(`${server.url}/ui/targets?at=${encodeURIComponent(`shop http://${dead}/metrics`)}&v=dropped:1`, { theme, width, height });
      await one.getByText('__meta_rack').first().waitFor();
      await one.locator('summary', { hasText: 'drop.me:1' }).waitFor();
      await sleep(300);
      await browser.shot(one, `targets-${theme}-${width}`);
      assert.deepEqual(await browser.accessibility(one), []);
      const [inner, outer, tables] = await one.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth,
        [...document.querySelectorAll('.table-scroll')].filter((table) => table.scrollWidth > table.clientWidth + 1).length]);
      assert.ok(inner <= outer + 1 && tables === 0, `the page is ${inner} px wide on ${outer}, ${tables} tables are wider than their place`);
      const narrowest = await one.locator('button[data-target]').evaluateAll((all) => Math.min(...all.map((button) => button.closest('td').clientWidth)));
      assert.ok(narrowest >= 150, `a target has ${narrowest} px`);
      await one.context().close();
    });
  }
}
await check('without a scrape configuration it says how to write one', async () => {
  const empty = await browser.page(`${bare.url}/ui/targets`);
  await empty.getByText('Nothing is scraped').waitFor();
  await empty.locator('code', { hasText: 'prometheus_config' }).waitFor();
  assert.deepEqual(await browser.accessibility(empty), []);
  await browser.shot(empty, 'targets-empty');
  await empty.context().close();
});
await check('when the server goes away the old state stays, and says so', async () => {
  await page.goto(`${server.url}/ui/targets`);
  await target(dead).waitFor();
  await server.stop();
  await page.getByText(/since then: The server does not answer/).waitFor();
  assert.equal(await page.locator('button[data-target]').count(), 4);
});

await browser.stop();
await server.stop();
await bare.stop();
live.closeAllConnections();
live.close();
process.exit(checks.finish());
