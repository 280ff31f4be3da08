// The incident, played without a person: a page for slow orders, its scope in metrics, an exemplar, the trace behind it,
// the logs of that trace, the fix, and the recovery. Each step asks the server what a person on call would ask and checks
// the answer; the first step that does not hold ends the story.
// From the burst on, large orders keep arriving, so that only the fix can bring the reservations under 50 ms.
import { ApiError } from './obelisk_client.mjs';
import { DeadlineError } from './stack/wait.mjs';
import { round, StepFailed } from './story/checks.mjs';
import { sample_app, service_graph } from './story/derived_signals.mjs';
import { alert, baseline, burst, ready } from './story/incident.mjs';
import { exemplar, failed_order, logs, scope, trace } from './story/investigation.mjs';
import { fix, recovery, resolved, ticket } from './story/recovery.mjs';

// What a step needs: client (queries), load, receiver (webhook), ports, profile (windows), start (starts everything),
// fix (whether the fix is applied), signal and failure (either ends all waiting), and what earlier steps found out.
const steps = [
  { name: 'ready', run: ready },
  { name: 'baseline', run: baseline },
  { name: 'burst', run: burst },
  { name: 'alert', run: alert },
  { name: 'scope', run: scope },
  { name: 'exemplar', run: exemplar },
  { name: 'trace', run: trace },
  { name: 'failed order', run: failed_order },
  { name: 'logs', run: logs },
  { name: 'service graph', run: service_graph },
  { name: 'sample app', run: sample_app },
  { name: 'fix', run: fix },
  { name: 'recovery', run: recovery },
  { name: 'resolved', run: resolved },
  { name: 'ticket', run: ticket },
];

// Plays all steps; print gets one line for each. Gives {passed, failed_step, error, seconds, steps}.
export async function play_story(story, print) {
  const begun_ms = performance.now();
  const interrupted = interruption_of(story.signal);
  const report = { passed: true, failed_step: null, error: null, seconds: 0, steps: [] };
  for (const step of steps) {
    const outcome = await play_step(step, story, interrupted);
    report.steps.push(outcome);
    report.seconds = round((performance.now() - begun_ms) / 1000, 1);
    const mark = outcome.passed ? 'ok  ' : 'FAIL';
    print(`${mark} ${step.name.padEnd(13)} ${outcome.summary}  [${outcome.seconds.toFixed(1)} s]`);
    if (outcome.passed) continue;
    Object.assign(report, { passed: false, failed_step: step.name, error: outcome.summary });
    break;
  }
  return report;
}

async function play_step({ name, run }, story, interrupted) {
  const begun_ms = performance.now();
  const outcome = { name, passed: false, seconds: 0, summary: '', figures: {}, asked: [] };
  try {
    const { summary, figures } = await Promise.race([run(story), story.failure, interrupted]);
    Object.assign(outcome, { passed: true, summary: [summary].flat().join('; '), figures });
  } catch (first_error) {
    const error = await root_error(first_error, story.failure);
    outcome.summary = error.message;
    // What is neither a step's verdict nor an answer of the server deserves its stack.
    if (!(error instanceof StepFailed || error instanceof DeadlineError || error instanceof ApiError)) {
      outcome.stack = error.stack;
    }
  }
  outcome.seconds = round((performance.now() - begun_ms) / 1000, 2);
  outcome.asked = story.client.take_asked();
  return outcome;
}

// A request that fails because the process behind it has just ended is noticed before that end is: the end is the cause.
async function root_error(error, failure) {
  if (error.message !== 'fetch failed') return error;
  const no_end_noticed = new Promise((resolve) => setTimeout(resolve, 1000, error));
  return Promise.race([failure.catch((end) => end), no_end_noticed]);
}

// Ctrl-C ends the story at once, as does a process that ends while it is needed (story.failure).
function interruption_of(signal) {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
