// Waiting for something to become true instead of sleeping for a guessed time.

export class DeadlineError extends Error {}

// Calls attempt() until it gives {done: true, value}; between, {done: false, why} says what is missing. Gives value, or
// throws DeadlineError with the last reason. Errors of attempt() are final.
export async function wait_until(attempt, { deadline_ms, pause_ms = 250, signal }) {
  const end_ms = performance.now() + deadline_ms;
  for (;;) {
    signal?.throwIfAborted();
    const outcome = await attempt();
    if (outcome.done) return outcome.value;
    if (performance.now() + pause_ms > end_ms) {
      throw new DeadlineError(`${outcome.why} (waited ${Math.round(deadline_ms / 1000)} s)`);
    }
    await new Promise((resolve) => setTimeout(resolve, pause_ms));
  }
}

// Waits for a GET to answer 200, e.g. /ready and /health.
export function wait_for_http(url, options) {
  return wait_until(async () => {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
      await response.arrayBuffer();
      if (response.ok) return { done: true };
      return { done: false, why: `${url} answers ${response.status}` };
    } catch (error) {
      return { done: false, why: `${url} does not answer: ${error.cause?.code ?? error.message}` };
    }
  }, options);
}
