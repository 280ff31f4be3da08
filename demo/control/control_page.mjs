// The demo's own page: an HTTP server on the loopback that serves four files and a small JSON API for them.
// It changes things, so it answers only to itself: the Host must be one of the loopback's names (no other site can point
// its own name here), a POST must be JSON (a form of another site cannot send that) and, where the browser names an
// origin, come from this one. The policy allows no inline script or style and no request to anywhere else.
// Bounds: a body may have 4 KiB.
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { ControlError } from './shop_control.mjs';

const body_bytes_max = 4096;

const file = (path) => new URL(path, import.meta.url);
const files = {
  '/': [file('./page/index.html'), 'text/html; charset=utf-8'],
  '/page.css': [file('./page/page.css'), 'text/css; charset=utf-8'],
  '/page.js': [file('./page/page.js'), 'text/javascript; charset=utf-8'],
  '/tokens.css': [file('../../ui/src/styles/tokens.css'), 'text/css; charset=utf-8'], // one look with the interface
  '/icon.svg': [file('../../ui/public/icon.svg'), 'image/svg+xml'],
};

const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

export class ControlPage {
  #control;
  #hosts = new Set();
  #server = http.createServer((request, response) => this.#answer(request, response));

  constructor(control) {
    this.#control = control;
  }

  listen(port) {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        const { port: bound } = this.#server.address();
        this.#hosts = new Set([`127.0.0.1:${bound}`, `localhost:${bound}`]);
        resolve(bound);
      });
    });
  }

  close() {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request, response) {
    try {
      this.#refuse_strangers(request);
      const path = request.url.split('?', 1)[0];
      const known = request.method === 'GET' ? files[path] : undefined;
      if (known) return send(response, 200, await readFile(known[0]), known[1]);
      send_json(response, 200, await this.#call(request, path));
    } catch (error) {
      const status = error instanceof ControlError ? error.status : 502;
      send_json(response, status, { error: error.message });
    }
  }

  #refuse_strangers(request) {
    const { host, origin } = request.headers;
    if (!this.#hosts.has(host)) throw new ControlError(403, 'this page answers on the loopback only');
    if (origin !== undefined && !this.#hosts.has(origin.replace(/^http:\/\//, ''))) {
      throw new ControlError(403, 'this page answers to itself only');
    }
  }

  async #call(request, path) {
    const order = /^\/api\/orders\/([0-9a-f]{32})$/.exec(path)?.[1];
    if (request.method === 'GET' && path === '/api/state') return this.#control.state();
    if (request.method === 'GET' && order) return this.#control.watch_order(order);
    const actions = {
      '/api/faults': (body) => this.#control.change_fault(body),
      '/api/load': (body) => this.#control.change_load(body),
      '/api/burst': () => this.#control.start_burst(),
      '/api/orders': (body) => this.#control.place_order(body),
    };
    if (!Object.hasOwn(actions, path)) throw new ControlError(404, 'no such page');
    if (request.method !== 'POST') throw new ControlError(405, 'POST it');
    return actions[path](await read_object(request));
  }
}

async function read_object(request) {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
    throw new ControlError(415, 'send JSON');
  }
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > body_bytes_max) throw new ControlError(413, `the body may have ${body_bytes_max} bytes`);
  }
  let body;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new ControlError(400, `not JSON: ${error.message}`);
  }
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    throw new ControlError(400, 'expected an object');
  }
  return body;
}

function send_json(response, status, value) {
  send(response, status, JSON.stringify(value), 'application/json');
}

function send(response, status, payload, content_type) {
  if (response.destroyed || response.writableEnded) return;
  response.writeHead(status, {
    ...headers,
    'content-type': content_type,
    connection: status === 413 ? 'close' : 'keep-alive',
  });
  response.end(payload);
}
