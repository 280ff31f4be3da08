// The editors and long queries in headless Chromium: completion from live names, mistakes underlined by the server's own
// parsers, history and keys; progress and cancelling of queries that truly take long, by button, by Esc, and by going away.
// Usage: node tests/e2e/ui_query_test.mjs --server BINARY [--lines 200000]. Screenshots go to build/screenshots.
import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser, missingForBrowser } from './stack/browser.mjs';
import { Checks, parameter, sleep, until, viewPath } from './stack/checks.mjs';
import { Server, argument, scratchDirectory } from './stack/server.mjs';
import { fill } from './stack/ui_load.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const browser = new Browser(path.join(root, 'build/screenshots'));
const checks = new Checks(browser);
const check = (name, run) => checks.check(name, run);

const languages = [
  { name: 'PromQL', view: 'metrics', wrong: 'sum(rate(bench_value))', marked: 'bench_value', place: '1:10', right: 'sum(rate(bench_value[5m]))' },
  { name: 'LogQL', view: 'logs', wrong: '{service="x"} |= bad', marked: 'bad', place: '1:18', right: '{service="order-service"} |= "item 3"' },
  { name: 'TraceQL', view: 'traces', wrong: '{ nosuch = 1 }', marked: 'nosuch', place: '1:3', right: '{ name = "operation 7" }' },
];

async function write(page, text) {
  await page.locator('.editor-host[data-ready="true"]').first().waitFor();
  await page.locator('.cm-content').first().click();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  // Quotes and brackets close themselves: what is typed must still be what stands there.
  await page.keyboard.type(text, { delay: 12 });
}

const editorText = (page) => page.locator('.cm-content').first().innerText();

async function editors(server) {
  for (const { name, view, wrong, marked, place, right } of languages) {
    await check(`${name}: a mistake is underlined at its place while typing, and goes when it is corrected`, async () => {
      const page = await browser.page(`${server.url}/ui/${view}`);
      await write(page, wrong);
      await page.keyboard.press('Escape');
      assert.equal(await editorText(page), wrong);
      await page.locator('.editor-error').waitFor();
      assert.equal(await page.locator('.cm-lintRange-error').allInnerTexts().then((all) => all.join('')), marked);
      const told = await page.locator('.editor-error').innerText();
      assert.ok(told.includes(place), told);
      assert.equal(parameter(page, 'q'), null, 'it ran by itself');
      await browser.shot(page, `mistake-${view}`);
      await write(page, right);
      await until('no mistake', async () => (await page.locator('.editor-error').count()) === 0);
      await page.keyboard.press('Control+Enter');
      await until('the query in the address', () => parameter(page, 'q') === right);
      await page.context().close();
      return told.replace(/\s+/g, ' ');
    });
  }
  await check('plain words in Logs are no mistake', async () => {
    const page = await browser.page(`${server.url}/ui/logs`);
    await write(page, 'item 3 (broken');
    await sleep(900);
    assert.equal(await page.locator('.editor-error').count(), 0);
    await page.context().close();
  });
  const completions = [
    ['metrics', 'bench_va', 'bench_value', 'a metric'],
    ['metrics', 'bench_value{ser', 'series', 'a label of the metric'],
    ['metrics', 'bench_value{series="s4', 's49', 'a value of the label'],
    ['logs', '{serv', 'service', 'a stream label'],
    ['logs', '{service="inven', 'inventory-service', 'a value of the label'],
    ['logs', '{service="order-service"} | json | quan', 'quantity', 'a field of the lines'],
    ['traces', '{ span.ind', 'span.index', 'a span attribute'],
    ['traces', '{ resource.service.name = "paym', 'payment-service', 'a value of the attribute'],
    ['traces', '{ name = "operation 3', 'operation 39', 'a span name'],
  ];
  for (const [view, text, wanted, what] of completions) {
    await check(`${view}: ${what} completes from what is stored`, async () => {
      const page = await browser.page(`${server.url}/ui/${view}`);
      if (view === 'logs') await until('lines', async () => (await page.locator('section[aria-label="Log lines"] button[aria-expanded]').count()) > 0, 30);
      await write(page, text);
      await page.locator('.cm-tooltip-autocomplete li', { hasText: wanted }).first().waitFor();
      await page.context().close();
    });
  }
  await check('history: Alt and the arrows, and the list', async () => {
    const page = await browser.page(`${server.url}/ui/metrics`);
    for (const text of ['bench_value * 1', 'bench_value * 2']) {
      await write(page, text);
      await page.keyboard.press('Control+Enter');
      await until('it ran', () => parameter(page, 'q') === text);
    }
    await write(page, 'bench');
    await page.keyboard.press('Escape');
    await page.locator('.cm-content').first().focus();
    await page.keyboard.press('Alt+ArrowUp');
    await page.keyboard.press('Alt+ArrowUp');
    assert.equal(await editorText(page), 'bench_value * 1');
    await page.keyboard.press('Alt+ArrowDown');
    await page.keyboard.press('Alt+ArrowDown');
    assert.equal(await editorText(page), 'bench');
    await page.getByRole('button', { name: 'History' }).click();
    await page.getByRole('button', { name: 'bench_value * 1' }).click();
    await until('it ran', () => parameter(page, 'q') === 'bench_value * 1');
    await page.getByRole('button', { name: 'History' }).click();
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('.history').count(), 0);
    await page.context().close();
  });
  await check('an empty answer names the matcher that removed everything, and its nearest value', async () => {
    const page = await browser.page(`${server.url}/ui/metrics?from=now-30m&to=now&q=${encodeURIComponent('bench_value{series="s4x"}')}`);
    await page.getByText('has this value here').waitFor();
    await browser.shot(page, 'explain-metrics');
    await page.getByRole('button', { name: /^Use s4/ }).first().click();
    await until('series', async () => (await page.locator('tbody tr').count()) > 0);
    await page.context().close();
  });
}

// The lines of the load are of one kind; these are of another.
async function patterns(server) {
  await check('patterns of a query: every line counted, a click narrows to one, another leaves it out', async () => {
    const query = '{service="order-service"}';
    const values = Array.from({ length: 37 }, (_, i) => [String(BigInt(Date.now() - 60_000 + i * 100) * 1_000_000n), `payment of order ${i} failed after ${i * 13} ms: card declined`]);
    const pushed = await fetch(`${server.url}/loki/api/v1/push`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ streams: [{ stream: { service: 'order-service' }, values }] }),
    });
    assert.equal(pushed.status, 204);
    for (const theme of ['dark', 'light']) {
      const page = await browser.page(`${server.url}/ui/logs?q=${encodeURIComponent(query)}`, { theme });
      await page.getByRole('button', { name: 'Patterns' }).click();
      await until('patterns in the address', () => parameter(page, 'v')?.includes('show:patterns'));
      const rows = page.locator('section[aria-label="Patterns of the lines"] li');
      await until('patterns', async () => (await rows.count()) >= 2, 30);
      const total = await rows.evaluateAll((all) => all.map((row) => row.querySelector('b').textContent));
      assert.ok((await rows.first().innerText()).includes('new'), 'nothing was stored a day before');
      assert.deepEqual(await browser.accessibility(page), []);
      await browser.shot(page, `log-patterns-${theme}`);
      const errors = rows.filter({ hasText: 'card declined' }).first();
      const wanted = await errors.locator('b').innerText();
      assert.equal(wanted, '37');
      await errors.getByTitle('Only lines of this pattern').click();
      await until('the filter in the address', () => parameter(page, 'q')?.includes('|> `'));
      await until('one pattern', async () => (await rows.count()) === 1, 30);
      assert.equal(await rows.first().locator('b').innerText(), wanted);
      await page.goBack();
      await until('all of them', async () => (await rows.count()) === total.length, 30);
      await errors.getByTitle('Without these lines').click();
      await until('one less', async () => (await rows.count()) === total.length - 1 && parameter(page, 'q').includes('!> `'), 30);
      await page.getByRole('button', { name: 'Lines', exact: true }).click();
      await until('lines', async () => (await page.locator('section[aria-label="Log lines"] button[aria-expanded]').count()) > 0, 30);
      await page.context().close();
    }
  });
}

async function failures(server) {
  await check('a query that fails while running is told, and the old chart stays, marked old', async () => {
    const page = await browser.page(`${server.url}/ui/metrics?from=now-10m&to=now&q=bench_value`);
    await until('the chart', () => page.locator('.uplot canvas').count());
    await write(page, 'bench_value * on(job) bench_value');
    await page.keyboard.press('Control+Enter');
    await page.locator('.editor-error', { hasText: 'many-to-many' }).waitFor();
    await page.getByText('The answer to the query before.').waitFor();
    assert.equal(await page.locator('.uplot canvas').count(), 1);
    await browser.shot(page, 'old-chart');
    await page.context().close();
  });
  await check('an empty trace search counts each condition, and drops one by a click', async () => {
    const page = await browser.page(`${server.url}/ui/traces?q=${encodeURIComponent('{ name = "operation 7" && span.index = "no number" }')}`);
    await page.getByText('No trace in this range matches.').waitFor();
    await page.locator('li', { hasText: 'name = "operation 7": 250 spans' }).waitFor();
    await page.locator('li', { hasText: ': 0 spans' }).getByRole('button', { name: 'Without it' }).click();
    await until('traces', async () => (await page.locator('tbody tr').count()) > 0);
    assert.equal(parameter(page, 'q'), '{ name = "operation 7" }');
    await page.context().close();
  });
  await check('an empty trace search of several stages says what each left', async () => {
    const page = await browser.page(`${server.url}/ui/traces?q=${encodeURIComponent('{ name = "operation 7" } | count() > 100000')}`);
    await page.getByText('No trace in this range matches.').waitFor();
    await page.locator('li', { hasText: 'count() > 100000 leaves none of the 250 spans before it' }).waitFor();
    await page.locator('li', { hasText: 'count() > 100000: 0 spans left' }).waitFor();
    await page.context().close();
  });
}

// Sorting 50 windows of 800 samples a second over most of an hour: seconds of work whatever the machine.
const slowPromql = 'sum(max_over_time(quantile_over_time(0.9, bench_value[40m])[50m:100ms]))';
// A template a line, many times over.
const slowLogql = `sum(count_over_time({service=~".+"} | json ${'| line_format "{{ .event }} {{ .item | ToUpper | ToLower }} {{ .quantity }}" '.repeat(12)} |~ "never" [20m]))`;

async function queriesOf(server) {
  return (await server.getJson('/obelisk/api/v1/queries')).queries;
}

async function longQueries(server) {
  const metricsUrl = `${server.url}/ui/metrics?from=now-10m&to=now&q=${encodeURIComponent(slowPromql)}`;
  await check('a long query shows for how long it runs and what the server has read', async () => {
    const page = await browser.page(`${server.url}/ui/logs?from=now-30m&to=now&q=${encodeURIComponent(slowLogql)}`);
    const bar = page.locator('.run-bar');
    await bar.waitFor();
    const texts = [];
    const begun = Date.now();
    while (Date.now() - begun < 12_000 && (await bar.count()) > 0) {
      const text = await bar.innerText({ timeout: 500 }).catch(() => '');
      if (/rows/.test(text) && texts.length === 0) await browser.shot(page, 'running');
      if (text) texts.push(text.replace(/\s+/g, ' '));
      await sleep(200);
    }
    const rows = texts.flatMap((text) => /read ([\d,.]+)( M)?/.exec(text)?.[1].replaceAll(',', '') ?? []).map(Number);
    assert.ok(rows.length > 1 && rows.at(-1) > rows[0], `rows read did not grow: ${texts.join(' | ')}`);
    await page.context().close();
    return `${rows[0].toLocaleString('en-US')} rows, then ${rows.at(-1).toLocaleString('en-US')}; "${texts.at(-1)}"`;
  });
  for (const [how, act] of [['the button', (page) => page.locator('.run-bar button').click()], ['Esc', (page) => page.keyboard.press('Escape')],
    ['Esc in the editor', async (page) => { await page.locator('.cm-content').first().focus(); await page.keyboard.press('Escape'); }]]) {
    await check(`${how} cancels a long query, in the browser and on the server`, async () => {
      const page = await browser.page(metricsUrl);
      await page.locator('.run-bar').waitFor();
      const running = await until('the query on the server', async () => (await queriesOf(server)).filter(({ query }) => query === slowPromql));
      const begun = Date.now();
      await act(page);
      await page.getByText('The query was cancelled.').waitFor();
      const shown = Date.now() - begun;
      await until('its end on the server', async () => !(await queriesOf(server)).some(({ id }) => running.some((one) => one.id === id)), 5);
      const ended = Date.now() - begun;
      assert.equal(await page.locator('.run-bar').count(), 0);
      if (how === 'the button') await browser.shot(page, 'cancelled');
      await page.getByRole('button', { name: 'Run it again' }).click();
      await page.locator('.run-bar').waitFor();
      await page.context().close();
      return `ran ${running[0].elapsedSeconds.toFixed(1)} s; shown after ${shown} ms, gone from the server after ${ended} ms`;
    });
  }
  await check('leaving the page ends its query on the server', async () => {
    const page = await browser.page(metricsUrl);
    await until('the query on the server', async () => (await queriesOf(server)).some(({ query }) => query === slowPromql));
    const begun = Date.now();
    await page.context().close();
    await until('its end on the server', async () => (await queriesOf(server)).length === 0, 5);
    return `${Date.now() - begun} ms after`;
  });
  await check('with every worker busy, the queries are still listed and can be ended', async () => {
    const now = Math.floor(Date.now() / 1000);
    const stop = new AbortController();
    const asked = Array.from({ length: 12 }, (_, index) => fetch(`${server.url}/api/v1/query_range?start=${now - 600}&end=${now}&step=3&query=${encodeURIComponent(`${slowPromql} + ${index}`)}`,
      { headers: { 'x-obelisk-query-id': `busy-${index}` }, signal: stop.signal }).then((response) => response.json()).catch((error) => ({ errorType: error.name })));
    const running = await until('busy workers', async () => { const all = await queriesOf(server); return all.length >= 4 && all; });
    const begun = Date.now();
    assert.ok((await queriesOf(server)).length >= 4);
    const listed = Date.now() - begun;
    for (const { id } of running) assert.equal((await fetch(`${server.url}/obelisk/api/v1/queries/${id}`, { method: 'DELETE' })).status, 200);
    const ended = await asked[Number(running[0].id.split('-')[1])];
    assert.deepEqual([ended.status, ended.errorType], ['error', 'canceled']);
    stop.abort(); // those that waited in the queue
    await Promise.all(asked);
    await until('nothing runs', async () => (await queriesOf(server)).length === 0, 10);
    return `${running.length} at work of 12, listed in ${listed} ms`;
  });
  await check('a lost connection is told, what is shown stays in the frame, and it comes back', async () => {
    const page = await browser.page(`${server.url}/ui/metrics?from=now-10m&to=now&q=bench_value`);
    await until('the chart', () => page.locator('.uplot canvas').count());
    await page.context().setOffline(true);
    await page.getByRole('button', { name: 'Half a range back' }).click();
    await page.locator('.editor-error', { hasText: 'The server does not answer' }).waitFor();
    await browser.shot(page, 'offline');
    await page.context().setOffline(false);
    await page.getByRole('button', { name: 'Run' }).click();
    await until('the chart', () => page.locator('.uplot canvas').count());
    assert.equal(viewPath(page), '/ui/metrics');
    await page.context().close();
  });
}

const missing = missingForBrowser();
if (missing) {
  console.error(`ui_query_test: ${missing}`);
  process.exit(1);
}
const server = await new Server({ binary: argument('server', 'build/release/obelisk'), directory: scratchDirectory('ui-query') }).start();
try {
  await browser.start();
  await fill(server, Number(argument('lines', '200000')));
  await editors(server);
  await patterns(server);
  await failures(server);
  await longQueries(server);
} finally {
  await browser.stop();
  await server.stop();
}
process.exit(checks.finish());
