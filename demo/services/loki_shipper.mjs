// Ships log lines to a Loki push API the way Promtail does: one stream with fixed labels, batches by time or size,
// retries with growing pauses while the server is away or overloaded, and a counter for every line that is given up.
// Steps: push() queues a line; every batch_wait_ms, or when batch_bytes_max is reached, the queue becomes one
// request; a request that may be repeated (network error, 429, 5xx) is repeated, any other refusal drops its lines.
// One request is under way at a time, so lines arrive in order. At most queue_lines_max lines wait; newer
// ones are dropped and counted, since a demo must not eat memory when the server is down.
// Encodings: 'protobuf' (snappy-compressed logproto.PushRequest, what Promtail sends) and 'json'.
import http from 'node:http';
import snappy from 'snappyjs';

const batch_bytes_max = 1024 * 1024; // Promtail's default batchsize
const queue_lines_max = 20000;
const attempts_max = 10; // Promtail's default max_retries
const pause_first_ms = 200;
const pause_longest_ms = 5000;
const request_timeout_ms = 10000;

export class LokiShipper {
  #endpoint;
  #labels;
  #encoding;
  #batch_wait_ms;
  #queue = [];
  #queued_bytes = 0;
  #timer = null;
  #sending = null;
  #closing = false;
  #last_time_ns = 0n;
  #pause_end = null;
  counters = {
    sent: 0,
    retried_requests: 0,
    dropped_queue_full: 0,
    dropped_refused: 0,
    dropped_unreachable: 0,
  };
  last_error = null;

  constructor({ url, labels, encoding = 'protobuf', batch_wait_ms = 500 }) {
    if (!(encoding in encoders)) throw new TypeError(`unknown Loki push encoding ${encoding}`);
    this.#endpoint = new URL('/loki/api/v1/push', url);
    this.#labels = labels;
    this.#encoding = encoding;
    this.#batch_wait_ms = batch_wait_ms;
  }

  // Queues one line. metadata becomes structured metadata of the entry.
  push(line, metadata = {}) {
    if (this.#queue.length >= queue_lines_max) {
      this.counters.dropped_queue_full++;
      return;
    }
    this.#queue.push({ time_ns: this.#next_time_ns(), line, metadata });
    this.#queued_bytes += line.length;
    if (this.#queued_bytes >= batch_bytes_max) this.#send_soon(0);
    else this.#send_soon(this.#batch_wait_ms);
  }

  // Sends what is queued, trying each batch a last time without pauses, and stops.
  async close() {
    this.#closing = true;
    this.#pause_end?.();
    clearTimeout(this.#timer);
    await this.#sending;
    await this.#send_all();
  }

  // Strictly growing, so that lines of one millisecond keep their order.
  #next_time_ns() {
    const now_ns = BigInt(Date.now()) * 1000000n;
    this.#last_time_ns = now_ns > this.#last_time_ns ? now_ns : this.#last_time_ns + 1n;
    return this.#last_time_ns;
  }

  #send_soon(wait_ms) {
    if (this.#sending || this.#closing) return; // the sender looks at the queue again when it is done
    if (this.#timer && wait_ms > 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#sending = this.#send_all().finally(() => {
        this.#sending = null;
        if (this.#queue.length > 0) this.#send_soon(this.#batch_wait_ms);
      });
    }, wait_ms);
  }

  async #send_all() {
    while (this.#queue.length > 0) {
      const entries = this.#take_batch();
      await this.#deliver(entries);
    }
  }

  #take_batch() {
    let bytes = 0;
    let count = 0;
    while (
      count < this.#queue.length &&
      (count === 0 || bytes + this.#queue[count].line.length <= batch_bytes_max)
    ) {
      bytes += this.#queue[count++].line.length;
    }
    this.#queued_bytes -= bytes;
    return this.#queue.splice(0, count);
  }

  async #deliver(entries) {
    const { content_type, encode } = encoders[this.#encoding];
    const body = encode(this.#labels, entries);
    let pause_ms = pause_first_ms;
    for (let attempt = 1; ; attempt++) {
      const outcome = await post(this.#endpoint, content_type, body);
      if (outcome.accepted) {
        this.counters.sent += entries.length;
        return;
      }
      this.last_error = outcome.error;
      if (!outcome.may_repeat) {
        this.counters.dropped_refused += entries.length;
        return;
      }
      if (attempt >= attempts_max || this.#closing) {
        this.counters.dropped_unreachable += entries.length;
        return;
      }
      this.counters.retried_requests++;
      await this.#pause(pause_ms);
      pause_ms = Math.min(pause_ms * 2, pause_longest_ms);
    }
  }

  #pause(pause_ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, pause_ms);
      this.#pause_end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

// Uses node:http rather than fetch: the shop's fetch calls are traced, and shipping logs is no part of an order.
function post(endpoint, content_type, body) {
  return new Promise((resolve) => {
    const request = http.request(
      endpoint,
      {
        method: 'POST',
        headers: { 'content-type': content_type, 'content-length': body.length },
        timeout: request_timeout_ms,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => {
          if (text.length < 1000) text += chunk;
        });
        response.on('end', () => {
          const status = response.statusCode;
          if (status >= 200 && status < 300) resolve({ accepted: true });
          else
            resolve({
              accepted: false,
              may_repeat: status === 429 || status >= 500,
              error: `${status} ${text.trim()}`,
            });
        });
        response.on('error', (error) => resolve({ accepted: false, may_repeat: true, error: error.message }));
      },
    );
    request.on('timeout', () => request.destroy(new Error(`no answer in ${request_timeout_ms} ms`)));
    request.on('error', (error) => resolve({ accepted: false, may_repeat: true, error: error.message }));
    request.end(body);
  });
}

const encoders = {
  protobuf: {
    content_type: 'application/x-protobuf',
    encode: (labels, entries) => Buffer.from(snappy.compress(encode_push_request(labels, entries))),
  },
  json: {
    content_type: 'application/json',
    encode: (labels, entries) =>
      Buffer.from(
        JSON.stringify({
          streams: [
            {
              stream: labels,
              values: entries.map(({ time_ns, line, metadata }) =>
                Object.keys(metadata).length > 0
                  ? [String(time_ns), line, metadata]
                  : [String(time_ns), line],
              ),
            },
          ],
        }),
      ),
  },
};

// {container="a", service="b"}: labels sorted by name, as Promtail writes them.
export function format_labels(labels) {
  const pairs = Object.keys(labels)
    .sort()
    .map((name) => `${name}=${JSON.stringify(labels[name])}`);
  return `{${pairs.join(', ')}}`;
}

// The messages, with their field numbers:
//   PushRequest   { 1: StreamAdapter streams }
//   StreamAdapter { 1: string labels, 2: EntryAdapter entries }
//   EntryAdapter  { 1: Timestamp {1: seconds, 2: nanos}, 2: string line, 3: LabelPair {1: name, 2: value} }
export function encode_push_request(labels, entries) {
  const encoded_entries = entries.map(({ time_ns, line, metadata }) => {
    const timestamp = Buffer.concat([
      number_field(1, time_ns / 1000000000n),
      number_field(2, time_ns % 1000000000n),
    ]);
    const pairs = Object.entries(metadata).map(([name, value]) =>
      bytes_field(3, Buffer.concat([text_field(1, name), text_field(2, String(value))])),
    );
    return bytes_field(2, Buffer.concat([bytes_field(1, timestamp), text_field(2, line), ...pairs]));
  });
  const stream = Buffer.concat([text_field(1, format_labels(labels)), ...encoded_entries]);
  return bytes_field(1, stream);
}

const wire_type_varint = 0;
const wire_type_bytes = 2;

function varint(value) {
  let rest = BigInt(value);
  const bytes = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

function number_field(number, value) {
  return Buffer.concat([varint((number << 3) | wire_type_varint), varint(value)]);
}

function bytes_field(number, bytes) {
  return Buffer.concat([varint((number << 3) | wire_type_bytes), varint(bytes.length), bytes]);
}

function text_field(number, text) {
  return bytes_field(number, Buffer.from(text, 'utf8'));
}
