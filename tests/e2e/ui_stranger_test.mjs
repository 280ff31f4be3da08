// The first half hour of a stranger: an empty server that waits for the first data, the search form beside TraceQL, ids and values
// to copy, names that are nearly right, and a server that goes away and comes back while pages are open.
// Usage: node tests/e2e/ui_stranger_test.mjs --server BINARY. Screenshots go to build/screenshots.
import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser, missingForBrowser } from './stack/browser.mjs';
import { Checks, parameter, until, viewPath } from './stack/checks.mjs';
import { Server, argument, scratchDirectory } from './stack/server.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const browser = new Browser(path.join(root, 'build/screenshots'));
const checks = new Checks(browser);
const check = (name, run) => checks.check(name, run);

const missing = missingForBrowser();
if (missing) {
  console.error(`ui_stranger_test: ${missing}`);
  process.exit(1);
}

const text = (key, value) => ({ key, value: { stringValue: value } });
const ns = (ms) => String(BigInt(Math.round(ms * 1000)) * 1000n);
const traceId = (number) => (number + 1).toString(16).padStart(8, '0').padEnd(32, 'c');
const statement = `SELECT ${'column, '.repeat(60)}`;
const long_name = `GET /${'a-very-long-path/'.repeat(12)}`;

// A trace of two spans; kind 1 is internal, 2 a server's.
async function sendTrace(server, number, { service = 'order-service', kind = 2, tier = 'gold', at = Date.now() - 5000, ms = 39.6 } = {}) {
  const ids = [1, 2].map((one) => (number * 10 + one).toString(16).padStart(16, '0'));
  const span = (index, rest) => ({ traceId: traceId(number), spanId: ids[index], startTimeUnixNano: ns(at), endTimeUnixNano: ns(at + ms - index), ...rest });
  const spans = [span(0, { name: 'POST /orders', kind, traceState: 'vendor=abc', droppedAttributesCount: 3, attributes: [text('tier', tier), text('db.statement', statement)] }),
    span(1, { parentSpanId: ids[0], name: long_name, kind: 1, attributes: [text('tier', tier)] })];
  const { status, text: answer } = await server.postJson('/v1/traces', { resourceSpans: [{ resource: { attributes: [text('service.name', service)] }, scopeSpans: [{ scope: { name: 'shop', version: '1.4.2' }, spans }] }] });
  assert.deepEqual([status, answer], [200, '{}']);
}

const server = await new Server({ binary: argument('server', 'build/release/obelisk'), directory: scratchDirectory('ui-stranger') }).start();
const address = (view, query = {}) => `${server.url}/ui/${view}?${new URLSearchParams(query)}`;
const editor_text = (page) => page.locator('.cm-content').first().innerText();

async function first_data() {
  await check('an empty server says where to send, at addresses that answer, and shows the first data by itself', async () => {
    const page = await browser.page(address(''));
    await page.getByText('this page looks for it every five seconds').waitFor();
    await page.getByText(`OTEL_EXPORTER_OTLP_ENDPOINT=${server.url}`).waitFor();
    assert.deepEqual(await browser.accessibility(page), []);
    await browser.shot(page, 'stranger-empty');
    // Work that nobody asked for over a network: no row of the table, and no silence about it either.
    await sendTrace(server, 900, { service: 'night-batch', kind: 1 });
    await page.getByText('No requests were answered in this range.').waitFor();
    await page.locator('li', { hasText: 'night-batch' }).getByRole('link', { name: 'Traces' }).waitFor();
    await sendTrace(server, 901);
    // Rates want two samples of a counter, which grows with later requests.
    let number = 902;
    await until('the service in the table', async () => {
      await sendTrace(server, number++, { at: Date.now() - 100 });
      return (await page.locator('tbody tr', { hasText: 'order-service' }).count()) > 0;
    }, 120);
    await page.context().close();
  });
}

async function searching() {
  for (let number = 0; number < 20; number++) await sendTrace(server, number, { tier: number % 2 ? 'gold' : 'silver' });
  await check('the form changes its own conditions and keeps the rest of the text', async () => {
    const page = await browser.page(address('traces', { q: '{ span.tier = "gold" || span.tier = "tin" }' }));
    await until('traces', async () => (await page.locator('tbody tr').count()) > 0);
    await page.getByLabel('Service').selectOption('order-service');
    await until('the condition', () => parameter(page, 'q') === '{ (span.tier = "gold" || span.tier = "tin") && resource.service.name = "order-service" }');
    await page.getByLabel('Failed only').click();
    await until('both', () => parameter(page, 'q')?.endsWith('&& resource.service.name = "order-service" && status = error }'));
    await until('the editor', async () => (await editor_text(page)).includes('status = error'));
    await page.getByLabel('Failed only').click();
    await page.getByLabel('Service').selectOption('');
    await until('what was written', () => parameter(page, 'q') === '{ (span.tier = "gold" || span.tier = "tin") }');
    await page.goto(address('traces', { q: '{ name = "POST /orders" } >> { }' }));
    await until('no form for this shape', () => page.getByLabel('Service').isDisabled());
    await page.context().close();
  });
  await check('j and k walk the list, Enter opens', async () => {
    const page = await browser.page(address('traces', { q: '{ span.tier = "gold" }' }));
    await until('traces', async () => (await page.locator('tbody tr').count()) > 2);
    for (const [key, row] of [['j', 0], ['j', 1], ['j', 2], ['k', 1]]) {
      await page.keyboard.press(key);
      await until(`row ${row}`, () => page.locator('tbody tr').nth(row).locator('a').evaluate((link) => link === document.activeElement));
    }
    const target = await page.locator('tbody tr').nth(1).locator('a').getAttribute('href');
    await page.keyboard.press('Enter');
    await until('its trace', () => viewPath(page) === new URL(target, page.url()).pathname);
    await page.context().close();
  });
  await check('a value that no span has: what removed everything, and the nearest that is there', async () => {
    const page = await browser.page(address('traces', { q: '{ resource.service.name = "oder-service" && span.tier = "gold" }' }));
    await page.getByRole('button', { name: 'Use order-service' }).click();
    await until('the search', () => parameter(page, 'q') === '{ resource.service.name = "order-service" && span.tier = "gold" }');
    await until('traces', async () => (await page.locator('tbody tr').count()) > 0);
    await page.context().close();
  });
  await check('durations that came in milliseconds claim no more; every span matching, none is named', async () => {
    const page = await browser.page(address('traces', { q: '{ }' }));
    await until('traces', async () => (await page.locator('tbody tr').count()) > 0);
    const row = await page.locator('tbody tr').first().innerText();
    assert.match(row, /\b(39|40)\u2009ms/);
    assert.equal(await page.getByRole('columnheader', { name: 'Matched' }).count(), 0);
    await page.goto(address('traces', { q: '{ span.tier = "gold" }' }));
    await page.getByRole('columnheader', { name: 'Matched' }).waitFor();
    await page.context().close();
  });
}

async function one_trace() {
  await check('a trace: its name in the tab; ids and values to copy; trace state, version and what was dropped; a long name keeps to its place', async () => {
    const page = await browser.page(address(`traces/${traceId(1)}`, { at: '000000000000000b' }));
    await page.locator('[data-span="POST /orders"]').waitFor();
    await until('the title', async () => /^POST \/orders, 39\.6\u2009ms · Obelisk$/.test(await page.title()));
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
    await page.getByRole('button', { name: 'Copy trace id' }).click();
    await page.getByText('Trace id copied.').waitFor();
    assert.equal(await clipboard(), traceId(1));
    const row = page.locator('dd', { hasText: 'SELECT column' });
    await row.hover();
    await row.getByRole('button', { name: 'Copy value of db.statement' }).click();
    await until('the value', async () => (await clipboard()) === statement);
    const details = await page.locator('section.panel', { hasText: 'of the trace' }).innerText();
    for (const known of [/vendor=abc/, /shop 1\.4\.2/, /3 attributes, events and links/]) assert.match(details, known);
    await page.locator(`[data-span="${long_name}"]`).click();
    const [heading, side] = await Promise.all(['h2', '.ell:not(bdi)'].map((part) => page.locator('section.panel', { hasText: 'of the trace' }).locator('header').locator(part).last().boundingBox()));
    assert.ok(heading.x + heading.width <= side.x + 1 && side.width > 20, 'the long name covers the service');
    assert.deepEqual(await browser.accessibility(page), []);
    await page.getByRole('link', { name: 'Logs', exact: true }).click();
    await until('the view again', async () => (await page.title()) === 'Logs · Obelisk');
    await page.context().close();
  });
  await check('what is no trace id says so, and leads to the search', async () => {
    const page = await browser.page(address('traces/not-an-id'));
    await page.getByText('This is no trace id.').waitFor();
    await page.getByRole('link', { name: 'Search traces' }).click();
    await until('the search', () => viewPath(page) === '/ui/traces');
    await page.context().close();
  });
  await check('the zone stands beside the range in a narrow window too', async () => {
    const page = await browser.page(address('traces'), { width: 900, height: 900, timezone: 'Asia/Kolkata' });
    await page.getByText('UTC+5:30').first().waitFor();
    assert.ok(await page.getByText('UTC+5:30').first().isVisible());
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 900);
    await page.context().close();
  });
}

async function gone_and_back() {
  await check('a server that goes away: nothing claims that all is well, what was found stays and is marked old, and all comes back', async () => {
    const [overview, traces, logs] = await Promise.all([browser.page(address('')), browser.page(address('traces', { q: '{ }' })), browser.page(address('logs'))]);
    await server.postJson('/loki/api/v1/push', { streams: [{ stream: { service_name: 'order-service' }, values: [[`${Date.now()}000000`, 'a line that stays']] }] });
    await logs.getByRole('button', { name: 'Run' }).click();
    await logs.getByText('a line that stays').first().waitFor();
    await overview.getByText('Nothing fires.').waitFor();
    await until('traces', async () => (await traces.locator('tbody tr').count()) > 0);
    const found = await traces.locator('tbody tr').count();
    await server.stop('SIGKILL');

    await overview.getByText('The alerts could not be loaded.').waitFor();
    assert.equal(await overview.getByText('Nothing fires.').count(), 0, 'the overview says that nothing fires and cannot know');
    for (const page of [traces, logs]) {
      await page.getByRole('button', { name: /^Run/ }).click();
      await page.getByText('The server does not answer.', { exact: true }).waitFor();
    }
    await traces.getByText('The answer before').waitFor();
    assert.equal(await traces.locator('tbody tr').count(), found);
    await logs.getByText('The lines below answer the query before').waitFor();
    assert.ok(await logs.getByText('a line that stays').first().isVisible());
    await browser.shot(traces, 'stranger-server-gone');
    assert.deepEqual(await browser.accessibility(traces), []);

    await server.start();
    await traces.getByRole('button', { name: 'Try again' }).click();
    await logs.getByRole('button', { name: 'Try again' }).click();
    for (const [page, words] of [[traces, 'The answer before'], [logs, 'The lines below answer']]) await page.getByText(words).waitFor({ state: 'detached' });
    assert.equal(await traces.locator('tbody tr').count(), found);
    await overview.getByRole('button', { name: 'Try again' }).first().click();
    await overview.getByText('Nothing fires.').waitFor();
    for (const page of [overview, traces, logs]) await page.context().close();
  });
}

try {
  await browser.start();
  await first_data();
  await searching();
  await one_trace();
  await gone_and_back();
} finally {
  await browser.stop();
  await server.stop();
}
process.exit(checks.finish());
