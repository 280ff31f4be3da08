// Checks of one end-to-end test: each runs whatever became of the others, and is told with its figure.
import assert from 'node:assert/strict';

export class Checks {
  #browser;
  #failures = [];
  #passed = 0;

  constructor(browser = { complaints: [] }) {
    this.#browser = browser;
  }

  // Holds when `run` does, and the browser, where there is one, had nothing to complain about meanwhile.
  async check(name, run) {
    const complaintsBefore = this.#browser.complaints.length;
    try {
      const figure = await run();
      assert.deepEqual(this.#browser.complaints.slice(complaintsBefore), []);
      ++this.#passed;
      console.log(`ok   ${name}${figure === undefined ? '' : `: ${figure}`}`);
    } catch (error) {
      this.#failures.push(name);
      console.log(`FAIL ${name}\n     ${String(error.message).split('\n').slice(0, 12).join('\n     ')}`);
    }
  }

  // The exit code.
  finish() {
    console.log(`${this.#passed} hold, ${this.#failures.length} fail${this.#failures.length > 0 ? `: ${this.#failures.join('; ')}` : ''}`);
    return this.#failures.length > 0 ? 1 : 0;
  }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const viewPath = (page) => new URL(page.url()).pathname;
export const parameter = (page, name) => new URL(page.url()).searchParams.get(name);

export async function until(what, attempt, seconds = 60) {
  const deadline = Date.now() + seconds * 1000;
  let last;
  for (;;) {
    try {
      last = await attempt();
      if (last) return last;
    } catch (error) {
      last = error.message;
    }
    if (Date.now() > deadline) throw new Error(`${what} did not come about in ${seconds} s (last: ${String(last).slice(0, 300)})`);
    await sleep(150);
  }
}
