// Asks the query APIs: Prometheus', Loki's and Tempo's, all on one address. Everything that is asked, and the last answer to
// it, is noted until take_asked() collects it, so that a report can show it. A question repeated while waiting is one note
// with a count. An answer that is not a success is an ApiError: 4xx other than 404 means that the question itself was refused.
const request_timeout_ms = 15000;
const noted_characters_max = 64 * 1024;

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export class ObeliskClient {
  #base_url;
  #asked = new Map();

  constructor(base_url) {
    this.#base_url = base_url;
  }

  take_asked() {
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    return asked;
  }

  // [{metric, value: number}] of an instant query.
  async promql(query) {
    const { data } = await this.#get('PromQL', '/api/v1/query', { query });
    if (data.resultType !== 'vector')
      throw new ApiError(`expected a vector from ${query}, got ${data.resultType}`);
    return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  // [{series_labels, labels, value, timestamp}]
  async exemplars(query, start_s, end_s) {
    const { data } = await this.#get('PromQL exemplars', '/api/v1/query_exemplars', {
      query,
      start: start_s,
      end: end_s,
    });
    return data.flatMap(({ seriesLabels, exemplars }) =>
      exemplars.map(({ labels, value, timestamp }) => ({
        series_labels: seriesLabels,
        labels,
        value: Number(value),
        timestamp: Number(timestamp),
      })),
    );
  }

  async alerts() {
    return (await this.#get('alerts', '/api/v1/alerts', {})).data.alerts;
  }

  // [{labels, time_ns, line}] of a log query, the newest first.
  async logql(query, start_s, end_s, limit = 1000) {
    const { data } = await this.#get('LogQL', '/loki/api/v1/query_range', {
      query,
      start: seconds_to_ns(start_s),
      end: seconds_to_ns(end_s),
      limit,
      direction: 'backward',
    });
    if (data.resultType !== 'streams')
      throw new ApiError(`expected streams from ${query}, got ${data.resultType}`);
    return data.result.flatMap(({ stream, values }) =>
      values.map(([time_ns, line]) => ({ labels: stream, time_ns: BigInt(time_ns), line })),
    );
  }

  // [{traceID, rootServiceName, rootTraceName, durationMs, ...}]
  async traceql(query, start_s, end_s, limit = 200) {
    const answer = await this.#get('TraceQL', '/api/search', {
      q: query,
      start: Math.floor(start_s),
      end: Math.ceil(end_s),
      limit,
    });
    return answer.traces ?? [];
  }

  // The trace in OTLP JSON, or null while the server does not know it.
  async trace(trace_id) {
    try {
      return await this.#get('trace', `/api/v2/traces/${trace_id}`, {});
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  }

  // Notes something that was asked elsewhere: a service's faults, a notification that came in.
  note(api, request, answer) {
    this.#asked.set(`${api} ${request}`, { api, request, times: 1, status: 200, answer });
  }

  async #get(api, path, parameters) {
    const url = new URL(path, this.#base_url);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, String(value));
    const started_ms = performance.now();
    const response = await fetch(url, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(request_timeout_ms),
    });
    const text = await response.text();
    this.#note_answer(api, path, parameters, response.status, text, performance.now() - started_ms);
    if (!response.ok) {
      throw new ApiError(
        `${api} ${decodeURIComponent(url.pathname + url.search)} was answered ${response.status}: ${text.trim()}`,
        response.status,
      );
    }
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new ApiError(`${api} ${path} was answered with what is not JSON: ${error.message}`);
    }
  }

  #note_answer(api, path, parameters, status, text, milliseconds) {
    const question = parameters.query ?? parameters.q ?? path;
    const key = `${api} ${question}`;
    const times = (this.#asked.get(key)?.times ?? 0) + 1;
    this.#asked.set(key, {
      api,
      request: `GET ${path}`,
      parameters,
      times,
      status,
      milliseconds: Math.round(milliseconds * 10) / 10,
      answer: parse_or_cut(text),
    });
  }
}

function parse_or_cut(text) {
  if (text.length > noted_characters_max) {
    return `${text.slice(0, noted_characters_max)} ... (${text.length} characters in all)`;
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// As text: a number of nanoseconds is beyond what a double holds exactly, and JSON has no BigInt.
function seconds_to_ns(seconds) {
  return String(BigInt(Math.round(seconds * 1000)) * 1000000n);
}
