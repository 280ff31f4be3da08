// The person on call: a web server that takes Alertmanager's webhook notifications at POST /alerts, keeps them, and
// serves the runbooks the alerts link to at GET /runbooks/{name}.
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { fileURLToPath } from 'node:url';

const runbook_directory = new URL('../runbooks/', import.meta.url);
const body_bytes_max = 1024 * 1024;

export class WebhookReceiver {
  #server = http.createServer((request, response) => this.#answer(request, response));
  #waiting = new Set();
  notifications = []; // {received_ms, body}
  on_notification = null;

  listen(port) {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => resolve(this.#server.address().port));
    });
  }

  close() {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  // The first notification, received or yet to come, that the predicate accepts; null when none came in time.
  wait_for(predicate, timeout_ms) {
    const found = this.notifications.find((notification) => predicate(notification.body));
    if (found) return Promise.resolve(found);
    return new Promise((resolve) => {
      const waiter = { predicate, resolve };
      const timer = setTimeout(() => {
        this.#waiting.delete(waiter);
        resolve(null);
      }, timeout_ms);
      waiter.resolve = (notification) => {
        clearTimeout(timer);
        resolve(notification);
      };
      this.#waiting.add(waiter);
    });
  }

  #take(body) {
    const notification = { received_ms: Date.now(), body };
    this.notifications.push(notification);
    this.on_notification?.(notification);
    for (const waiter of this.#waiting) {
      if (!waiter.predicate(body)) continue;
      this.#waiting.delete(waiter);
      waiter.resolve(notification);
    }
  }

  async #answer(request, response) {
    const runbook = /^\/runbooks\/([a-z-]+)$/.exec(request.url)?.[1];
    if (request.method === 'GET' && runbook) return this.#send_runbook(runbook, response);
    if (request.method !== 'POST' || request.url !== '/alerts') return end(response, 404, 'no such page');
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) {
      text += chunk;
      if (text.length > body_bytes_max) return end(response, 413, 'too long');
    }
    let body;
    try {
      body = JSON.parse(text);
    } catch (error) {
      return end(response, 400, `not JSON: ${error.message}`);
    }
    end(response, 200, 'ok');
    this.#take(body);
  }

  async #send_runbook(name, response) {
    try {
      const text = await readFile(fileURLToPath(new URL(`${name}.md`, runbook_directory)), 'utf8');
      end(response, 200, text, 'text/markdown; charset=utf-8');
    } catch {
      end(response, 404, 'no such runbook');
    }
  }
}

function end(response, status, text, content_type = 'text/plain; charset=utf-8') {
  response.writeHead(status, {
    'content-type': content_type,
    connection: status === 413 ? 'close' : 'keep-alive',
  });
  response.end(text);
}
