// The demo's own page in headless Chromium: faults by buttons, load, and an order whose trace grows on the page.
// Usage: node tests/e2e/demo_page_test.mjs --server BINARY. Screenshots go to build/screenshots.
import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser, missingForBrowser } from './stack/browser.mjs';
import { Checks, sleep, until } from './stack/checks.mjs';
import { Shop } from './stack/shop.mjs';
import { argument, scratchDirectory } from './stack/server.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const browser = new Browser(path.join(root, 'build/screenshots'));
const checks = new Checks(browser);
const check = (name, run) => checks.check(name, run);

async function faults(shop, page) {
  const services = { order: 'order', inventory: 'inventory', payment: 'payment', notification: 'notification', sample: 'sample' };
  const ofShop = async () => Object.assign({}, ...await Promise.all(Object.values(services).map(async (name) => (await fetch(`http://127.0.0.1:${shop.ports[name]}/faults`)).json())));
  await check('every fault of the shop has its two buttons', async () => {
    await page.locator('[data-fault]').first().waitFor();
    const shown = await page.locator('[data-fault]').evaluateAll((all) => all.map((one) => one.dataset.fault));
    assert.deepEqual(shown.sort(), Object.keys(await ofShop()).sort());
    return `${shown.length} faults of ${Object.keys(services).length} services`;
  });
  await check('a button injects a fault in the service, another fixes it', async () => {
    await page.getByRole('button', { name: 'Inject: Slow payments' }).click();
    await until('the delay', async () => (await ofShop()).payment_delay_ms === 400);
    await page.locator('[data-fault="payment_delay_ms"]', { hasText: 'Now: 400 ms.' }).waitFor();
    await page.getByRole('button', { name: 'Fix: Slow payments' }).click();
    await until('no delay', async () => (await ofShop()).payment_delay_ms === 0);
    await page.locator('[data-fault="payment_delay_ms"]', { hasText: 'Now: 0 ms.' }).waitFor();
  });
  await check('Fix all fixes all, and each can be injected by keyboard', async () => {
    for (const name of await page.locator('[data-fault] button:has-text("Inject"):not(:disabled)').evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')))) {
      await page.getByRole('button', { name }).focus();
      await page.keyboard.press('Enter');
      await until(`${name} is done`, () => page.getByRole('button', { name }).isDisabled());
    }
    const broken = await ofShop();
    assert.ok(Object.values(broken).every((value) => value !== false && value !== 0), JSON.stringify(broken));
    await page.getByRole('button', { name: 'Fix all' }).click();
    await until('all fixed', async () => Object.values(await ofShop()).every((value) => value === false || value === 0));
  });
  await check('the load is set by buttons', async () => {
    await page.getByRole('button', { name: 'Small orders: 8/s' }).click();
    await until('the rate', () => shop.load.rates.small_orders === 8);
    await page.locator('[data-load="small_orders"]', { hasText: '8 a second now' }).waitFor();
    const before = shop.load.counters.large_orders;
    await page.getByRole('button', { name: 'Burst of 100' }).click();
    await until('a hundred orders', () => shop.load.counters.large_orders >= before + 100, 20);
    await page.getByText(/^The last burst: /).waitFor();
    await page.getByRole('button', { name: 'Large orders: Off' }).click();
    await page.getByRole('button', { name: 'Small orders: 3/s' }).click();
  });
}

// The number of spans each time it changed, until it stays.
async function grow(page) {
  const seen = [];
  const begun = Date.now();
  let last = begun;
  for (;;) {
    const count = await page.locator('#spans [data-span]').count();
    if (seen.at(-1) !== count) {
      seen.push(count);
      last = Date.now();
    }
    if ((Date.now() - last > 2500 && count > 5) || Date.now() - begun > 20_000) return seen;
    await sleep(30);
  }
}

async function orders(shop, page) {
  await check('an order: its spans appear as they arrive, under one root', async () => {
    await page.getByRole('button', { name: 'Place an order of 2' }).click();
    await page.locator('#spans [data-span="place an order"]').waitFor();
    const seen = await grow(page);
    await page.locator('#outcome', { hasText: 'answered 201 created' }).waitFor();
    for (const name of ['process_order', 'check_inventory', 'reserve_stock', 'send_notification']) assert.ok(await page.locator(`#spans [data-span="${name}"]`).count(), `${name} is not shown`);
    await page.locator('#waiting', { hasText: 'the trace is whole' }).waitFor();
    return `span counts over time ${seen.join(', ')}`;
  });
  await check('a large order with the defect shows the slow lookup while it runs', async () => {
    await page.getByRole('button', { name: 'Inject: Slow lookup' }).click();
    await page.getByRole('button', { name: 'Inject: Slow payments' }).click();
    await until('the fault', () => page.getByRole('button', { name: 'Inject: Slow payments' }).isDisabled());
    await page.getByRole('button', { name: 'Place a large order of 8' }).click();
    await page.locator('#spans .running').waitFor();
    const first = await page.locator('#spans [data-span]').count();
    // The lookup has ended and the order has not: its span is here and its parents are not.
    await until('the lookup before the answer', async () => (await page.locator('#spans [data-span="slow_lookup"]').count()) > 0, 10);
    const early = await page.locator('#spans .running').count();
    if (early > 0) await browser.shot(page, 'demo-page-growing');
    // How many steps are seen depends on the machine; that the trace was drawn before it was whole does not.
    const seen = [first, ...(await grow(page))];
    assert.ok(seen.at(-1) > seen[0], `the trace did not grow: ${seen.join(', ')}`);
    await page.locator('#waiting', { hasText: 'the trace is whole' }).waitFor();
    await browser.shot(page, 'demo-page');
    return `span counts over time ${seen.join(', ')}; ${early > 0 ? 'slow_lookup was there before the answer' : 'slow_lookup came with the answer'}`;
  });
  await check('the trace, its lines and its metric are one click away', async () => {
    const targets = await page.locator('#links a').evaluateAll((all) => all.map((one) => one.href));
    const ready = ['[data-span="slow_lookup"]', 'section[aria-label="Log lines"] button[aria-expanded]', '.uplot canvas'];
    assert.equal(targets.length, ready.length);
    for (const [index, target] of targets.entries()) {
      assert.ok(target.startsWith(`${shop.url}/ui/`), target);
      const view = await browser.page(target);
      await until(target, async () => (await view.locator(ready[index]).count()) > 0);
      await view.context().close();
    }
    const span = await page.locator('#spans a[data-span="slow_lookup"]').getAttribute('href');
    const view = await browser.page(span);
    await view.locator('[aria-selected="true"][data-span="slow_lookup"]').waitFor();
    assert.equal(await view.getByText('lack their parent').count(), 0);
    await view.context().close();
  });
  await check('the three steps: cause it, fix it', async () => {
    await page.getByRole('button', { name: 'Fix all' }).click();
    await page.getByRole('button', { name: 'Cause it' }).click();
    await page.getByText('The burst is under way').waitFor();
    await page.getByText(/^The last burst: /).waitFor({ timeout: 30_000 });
    assert.equal((await (await fetch(`http://127.0.0.1:${shop.ports.inventory}/faults`)).json()).slow_lookup, true);
    await page.getByRole('button', { name: 'Fix it', exact: true }).click();
    await until('the fix', async () => (await (await fetch(`http://127.0.0.1:${shop.ports.inventory}/faults`)).json()).slow_lookup === false);
  });
}

async function looks(shop) {
  for (const theme of ['dark', 'light']) {
    await check(`accessibility of the demo page, ${theme}`, async () => {
      const page = await browser.page(shop.pageUrl, { theme });
      await page.locator('[data-fault]').first().waitFor();
      await page.getByRole('button', { name: 'Place an order of 2' }).click();
      await page.locator('#waiting', { hasText: 'the trace is whole' }).waitFor();
      await browser.shot(page, `demo-page-${theme}`);
      assert.deepEqual(await browser.accessibility(page), []);
      await page.context().close();
    });
  }
  await check('the demo page on a phone does not scroll sideways', async () => {
    const page = await browser.page(shop.pageUrl, { width: 390, height: 844 });
    await page.locator('[data-fault]').first().waitFor();
    await page.getByRole('button', { name: 'Place an order of 2' }).click();
    await page.locator('#waiting', { hasText: 'the trace is whole' }).waitFor();
    await browser.shot(page, 'demo-page-phone');
    const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(inner <= outer + 1, `the page is ${inner} px wide on ${outer}`);
    await page.context().close();
  });
  await check('hostile names from telemetry are text', async () => {
    const attack = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
    const page = await browser.page(shop.pageUrl);
    await page.route('**/api/orders/*', async (route) => {
      const answer = await (await route.fetch()).json();
      await route.fulfill({ json: { ...answer, item: attack, answer: { status: 502, detail: attack, seconds: 1 }, spans: [{ span_id: '1'.repeat(16), name: attack, service: attack, kind: attack, failed: true, depth: 0, parent_missing: true, start_ms: 1, duration_ms: 5 }] } });
    });
    await page.getByRole('button', { name: 'Place an order of 2' }).click();
    await page.locator('#spans bdi', { hasText: 'window.pwned=1' }).waitFor();
    await sleep(300);
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.context().close();
  });
}

const missing = missingForBrowser();
if (missing) {
  console.error(`demo_page_test: ${missing}`);
  process.exit(1);
}
const shop = new Shop();
try {
  await browser.start();
  await shop.start(argument('server', 'build/release/obelisk'), scratchDirectory('demo-page'));
  const page = await browser.page(shop.pageUrl);
  await faults(shop, page);
  await orders(shop, page);
  await page.context().close();
  await looks(shop);
} finally {
  await browser.stop();
  await shop.stop();
}
process.exit(checks.finish());
