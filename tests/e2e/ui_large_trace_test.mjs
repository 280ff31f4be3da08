// A trace of a million spans in headless Chromium: opened, scrolled, searched, its critical path and one span's attributes
// shown, without the whole trace ever being sent. Prints the time to the first paint of the waterfall and what was sent.
// Usage: node tests/e2e/ui_large_trace_test.mjs --server BINARY [--spans 1000000] [--paint-ms 10000: what the first paint may take,
// where one second is the aim]. Screenshots go to build/screenshots.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser, missingForBrowser } from './stack/browser.mjs';
import { Checks, parameter, until } from './stack/checks.mjs';
import { largeTraceErrors, largeTraceId, sendLargeTrace } from './stack/large_trace.mjs';
import { Server, argument, scratchDirectory } from './stack/server.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const spans = Number(argument('spans', '1000000'));
const paintMillisMax = Number(argument('paint-ms', '10000'));
const browser = new Browser(path.join(root, 'build/screenshots'));
const checks = new Checks(browser);
const check = (name, run) => checks.check(name, run);
const text = (number) => number.toLocaleString('en-US');
const peakMiB = (server) => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.process.pid}/status`, 'utf8'))[1]) / 1024;

const missing = missingForBrowser();
if (missing) {
  console.error(`ui_large_trace_test: ${missing}`);
  process.exit(1);
}
const server = await new Server({ binary: argument('server', 'build/release/obelisk'), directory: scratchDirectory('ui-large-trace') }).start();

const waterfall = (page) => page.locator('[data-waterfall]');
const rows = (page) => page.locator('[data-waterfall] [role="treeitem"][data-span]');
const address = (query = '') => `${server.url}/ui/traces/${largeTraceId}${query}`;

async function opening() {
  await check(`a trace of ${text(spans)} spans is opened`, async () => {
    // The page's own code is loaded and compiled before: what is measured is the trace.
    const warm = await browser.page(`${server.url}/ui/traces/${'ab'.repeat(16)}`);
    await warm.getByText('No spans of trace').waitFor();
    const context = warm.context();
    const page = await context.newPage();
    let received = 0;
    page.on('response', async (response) => {
      if (response.url().includes('/api/')) received += (await response.body().catch(() => Buffer.alloc(0))).length;
    });
    await page.goto(address(), { waitUntil: 'commit' });
    // Looked for at every frame, by the page's own clock since navigation: a locator looks again after half a second only.
    const painted = await page.evaluate(() => new Promise((resolve) => {
      const look = () => {
        if (document.querySelectorAll('[data-waterfall] [role="treeitem"][data-span]').length > 5) resolve(performance.now());
        else requestAnimationFrame(look);
      };
      look();
    }));
    assert.ok((await page.locator('[data-large-trace]').getAttribute('data-large-trace')) === String(spans));
    assert.ok(await page.getByText(`${text(spans)} spans`).first().isVisible());
    assert.ok(await page.getByText(`${text(largeTraceErrors(spans))} failed`).first().isVisible());
    await until('the strip', async () => page.evaluate(() => {
      const canvas = document.querySelector('canvas[role="img"]');
      if (!canvas) return false;
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.some((value) => value !== 0);
    }));
    await browser.shot(page, 'large-trace');
    assert.ok(received < 400_000, `${received} bytes were sent`);
    // Until the page's code ran and asked, and how long the overview took.
    const [asked, took] = await page.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/overview')).map(({ startTime, duration }) => [startTime, duration])[0]);
    await context.close();
    assert.ok(painted < paintMillisMax, `the waterfall came after ${painted.toFixed(0)} ms`);
    return `first rows after ${painted.toFixed(0)} ms (asked after ${asked.toFixed(0)}, overview ${took.toFixed(0)}), ${(received / 1024).toFixed(0)} KiB sent, server peak ${peakMiB(server).toFixed(0)} MiB`;
  });
}

async function moving() {
  await check('levels open and close, and what comes into view is fetched', async () => {
    const page = await browser.page(address());
    await rows(page).nth(5).waitFor();
    const count = async () => Number(/(\d+) rows/.exec(await waterfall(page).getAttribute('aria-label'))[1]);
    assert.equal(await count(), 11);
    for (let level = 0; level < 3; level++) {
      const before = await count();
      await rows(page).nth(2 + level).locator('span[aria-hidden]').first().click();
      await until('ten more rows', async () => (await count()) === before + 10);
    }
    await browser.shot(page, 'large-trace-opened');
    await rows(page).nth(2).locator('span[aria-hidden]').first().click();
    await until('they are gone', async () => (await count()) < 41);
    await page.context().close();
  });
  await check('the keys walk the tree, and a span shows all that is stored of it', async () => {
    const page = await browser.page(address());
    await rows(page).nth(5).click();
    await until('it is chosen', () => parameter(page, 'at'));
    const first = parameter(page, 'at');
    const before = await rows(page).count();
    await page.keyboard.press('ArrowRight');
    await until('its children', async () => (await rows(page).count()) === before + 10);
    await page.keyboard.press('ArrowDown');
    await until('the next is chosen', () => parameter(page, 'at') !== first);
    await page.getByText('app.item').waitFor();
    await page.getByText('spans below').waitFor();
    await page.context().close();
  });
  await check('dragging over the strip looks at a part of the time', async () => {
    const page = await browser.page(address());
    await rows(page).nth(5).waitFor();
    const strip = page.getByRole('img', { name: /whole trace/ });
    await strip.waitFor();
    const box = await strip.boundingBox();
    await page.mouse.move(box.x + box.width * 0.3, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.4, box.y + 20);
    await page.mouse.up();
    await until('the window', () => /win:\d+-\d+/.test(parameter(page, 'v') ?? ''));
    await browser.shot(page, 'large-trace-window');
    await page.getByRole('button', { name: 'Whole trace' }).click();
    await until('all again', () => parameter(page, 'v') === null);
    await page.context().close();
  });
}

async function lists() {
  await check('a search within the trace is answered by the server, and leads to the place in the tree', async () => {
    const page = await browser.page(address());
    await rows(page).nth(5).waitFor();
    await page.getByRole('searchbox', { name: /Find spans/ }).fill('step-7');
    await page.keyboard.press('Enter');
    await page.getByText(`${text(spans / 50)} spans`, { exact: true }).waitFor();
    await until('rows of it', async () => (await rows(page).first().getAttribute('data-span')) === 'step-7');
    await browser.shot(page, 'large-trace-found');
    // Far down in the list: a page that was not there.
    await waterfall(page).evaluate((element) => { element.scrollTop = element.scrollHeight; });
    await until('the last page', async () => (await rows(page).count()) > 10 && (await page.locator('[data-waterfall] [aria-busy]').count()) === 0);
    await rows(page).last().click();
    const chosen = await until('it is chosen', () => parameter(page, 'at'));
    await page.getByRole('button', { name: 'Show in the tree' }).click();
    await page.locator(`#span-${chosen}[aria-selected="true"]`).waitFor();
    assert.ok(await page.locator(`#span-${chosen}`).isVisible());
    await browser.shot(page, 'large-trace-revealed');
    await page.context().close();
  });
  await check('a search by attributes, and by structure, is TraceQL in the same box', async () => {
    const page = await browser.page(address());
    await rows(page).nth(5).waitFor();
    const ask = async (query, expected) => {
      const started = performance.now();
      await page.getByRole('searchbox', { name: /Find spans/ }).fill(query);
      await page.keyboard.press('Enter');
      await page.getByText(`${text(expected)} spans`, { exact: true }).waitFor();
      return `${(performance.now() - started).toFixed(0)} ms`;
    };
    const item = await ask('{ span.app.item = "item-77" }', spans / 1000);
    await rows(page).first().click();
    await page.getByText('item-77').first().waitFor();
    await browser.shot(page, 'large-trace-attribute');
    const structure = await ask('{ } > { status = error }', largeTraceErrors(spans));
    const words = await ask('worker-31', Math.floor(spans / 32));
    await page.getByRole('searchbox', { name: /Find spans/ }).fill('{ span.app.item = }');
    await page.keyboard.press('Enter');
    await page.getByText(/parse error/).waitFor();
    await page.context().close();
    return `attribute ${item}, structure ${structure}, text in attributes ${words}`;
  });
  await check('an address with a span opens its place in the tree', async () => {
    const span = (BigInt(spans) - 5n).toString(16).padStart(16, '0');
    const page = await browser.page(address(`?at=${span}`));
    await page.locator(`#span-${span}[aria-selected="true"]`).waitFor();
    await page.context().close();
  });
  await check('the critical path, failures and equal paths are shown', async () => {
    const page = await browser.page(address());
    await rows(page).nth(5).waitFor();
    await page.getByRole('button', { name: 'Critical path' }).click();
    await until('its spans', async () => (await rows(page).count()) > 0 && /list:critical/.test(parameter(page, 'v') ?? ''));
    const answer = await server.getJson(`/obelisk/api/v1/traces/${largeTraceId}/critical-path?limit=1`);
    await page.getByText(`${text(answer.total)} spans`, { exact: true }).waitFor();
    await browser.shot(page, 'large-trace-critical');
    await page.getByRole('button', { name: /^Failed/ }).click();
    await page.getByText(`${text(largeTraceErrors(spans))} spans`, { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Equal paths together' }).click();
    await until('a table', async () => (await page.locator('table tbody tr').count()) > 10);
    await browser.shot(page, 'large-trace-paths');
    await page.getByRole('button', { name: 'Flame' }).click();
    const boxes = page.getByRole('group', { name: /^Flame graph/ }).getByRole('button');
    await until('boxes', async () => (await boxes.count()) > 20);
    await browser.shot(page, 'large-trace-flame');
    const found = await browser.accessibility(page);
    assert.deepEqual(found, []);
    await page.context().close();
  });
  await check('the tree is accessible, in both themes', async () => {
    for (const theme of ['dark', 'light']) {
      const page = await browser.page(address(), { theme });
      await rows(page).nth(5).click();
      await page.getByText('app.item').waitFor();
      assert.deepEqual(await browser.accessibility(page), []);
      await browser.shot(page, `large-trace-${theme}`);
      await page.context().close();
    }
  });
}

try {
  await browser.start();
  await sendLargeTrace(server, spans);
  console.log(`sent ${text(spans)} spans, server peak ${peakMiB(server).toFixed(0)} MiB`);
  await opening();
  await moving();
  await lists();
  console.log(`server peak ${peakMiB(server).toFixed(0)} MiB`);
} finally {
  await browser.stop();
  await server.stop();
}
process.exit(checks.finish());
