// Headless Chromium for the interface's tests: pages that note every error, every request to elsewhere and every breach of
// the content security policy. Needs Debian's chromium package and ui/node_modules (playwright-core, axe-core).
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ui = fileURLToPath(new URL('../../../ui/', import.meta.url));
const require = createRequire(path.join(ui, 'package.json'));
const executable = process.env.CHROMIUM ?? '/usr/bin/chromium';

export function missingForBrowser() {
  if (!existsSync(executable)) return `${executable} is not there; install Debian's chromium, or name one in CHROMIUM`;
  if (!existsSync(path.join(ui, 'node_modules/playwright-core'))) return 'ui/node_modules is not there; run npm ci in ui';
  return null;
}

export class Browser {
  constructor(screenshots) {
    this.screenshots = screenshots;
    this.complaints = []; // page errors, policy breaches, requests to elsewhere
    mkdirSync(screenshots, { recursive: true });
  }

  async start() {
    const { chromium } = require('playwright-core');
    this.browser = await chromium.launch({
      executablePath: executable,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions'],
    });
    return this;
  }

  async page(url, { theme = 'dark', width = 1440, height = 900, timezone } = {}) {
    const context = await this.browser.newContext({ viewport: { width, height }, colorScheme: theme, reducedMotion: 'reduce', timezoneId: timezone, permissions: ['clipboard-read', 'clipboard-write'] });
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    const origin = new URL(url).origin;
    page.on('pageerror', (error) => this.complaints.push(`${page.url()}: ${error.stack ?? error}`));
    page.on('dialog', (dialog) => {
      this.complaints.push(`${page.url()}: a dialog opened: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      if (!/^(data|blob|about):/.test(request.url()) && new URL(request.url()).origin !== origin) this.complaints.push(`${page.url()}: request to ${request.url()}`);
    });
    page.on('console', (message) => {
      if (message.type() === 'error' && /Content Security Policy|Refused to/.test(message.text())) this.complaints.push(`${page.url()}: ${message.text()}`);
    });
    await page.goto(url);
    return page;
  }

  shot(page, name) {
    return page.screenshot({ path: path.join(this.screenshots, `${name}.png`) });
  }

  // Serious and critical findings of axe-core, as one line each. Chromium evaluates it outside the page's policy.
  async accessibility(page) {
    const source = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
    await page.evaluate(source);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, help, nodes }) => `${id}: ${help} (${nodes.length}): ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary.split('\n').slice(1).join(' ').slice(0, 160)}`).join(' | ')}`);
  }

  async stop() {
    await this.browser?.close();
  }
}
