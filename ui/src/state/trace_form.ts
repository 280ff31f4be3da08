// The search form beside TraceQL: four of the conditions a text may have. A change of a field changes its condition and keeps
// the rest of the text: other conditions, and the stages after the braces. A text of another shape (several pairs of braces,
// structural operators) has no form.
import { braces, conditions_of } from './compared_sets';
import { quoted } from './pivots';

export interface TraceForm {
  service: string;
  name: string;
  min: string;
  failed: boolean;
}

const text_literal = '"((?:[^"\\\\]|\\\\.)*)"';
const conditions: Record<keyof TraceForm, RegExp> = {
  service: new RegExp(`^resource\\.service\\.name\\s*=\\s*${text_literal}$`),
  name: new RegExp(`^(?:span:)?name\\s*=\\s*${text_literal}$`),
  min: /^(?:span:)?duration\s*>=?\s*(\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))$/,
  failed: /^(?:span:)?status\s*=\s*(error)$/,
};
const fields = Object.keys(conditions) as (keyof TraceForm)[];

function written(field: keyof TraceForm, value: string | boolean): string | null {
  if (value === '' || value === false) return null;
  if (field === 'service') return `resource.service.name = ${quoted(String(value))}`;
  if (field === 'name') return `name = ${quoted(String(value))}`;
  if (field === 'failed') return 'status = error';
  return conditions.min.test(`duration > ${String(value)}`) ? `duration > ${String(value)}` : null;
}

// The first pair of braces and the stages after it; null where the text does not begin with one pair, or goes on with another.
function taken_apart(text: string): { conditions: string[]; stages: string } | null {
  if (text.trim() === '') return { conditions: [], stages: '' };
  const whole = conditions_of(text);
  if (whole !== null) return { conditions: whole, stages: '' };
  const found = /^\s*(\{(?:"(?:[^"\\]|\\.)*"|`[^`]*`|[^{}"`])*\})(\s*\|(?!\|)[^]*)$/.exec(text);
  const first = found && conditions_of(found[1]);
  return first ? { conditions: first, stages: found[2] } : null;
}

const empty: TraceForm = { service: '', name: '', min: '', failed: false };

// null: the form cannot show this text.
export function read_form(text: string): TraceForm | null {
  const parts = taken_apart(text);
  if (parts === null) return null;
  const form = { ...empty };
  for (const condition of parts.conditions) {
    for (const field of fields) {
      const found = conditions[field].exec(condition);
      if (!found) continue;
      if (field === 'failed') form.failed = true;
      else if (form[field] === '') form[field] = found[1].replace(/\\(.)/g, '$1');
    }
  }
  return form;
}

// The text with some fields changed; null where it has no form.
export function change_form(text: string, patch: Partial<TraceForm>): string | null {
  const parts = taken_apart(text);
  if (parts === null) return null;
  let list = parts.conditions;
  for (const field of fields) {
    const value = patch[field];
    if (value === undefined) continue;
    const next = written(field, value);
    const place = list.findIndex((condition) => conditions[field].test(condition));
    const kept = list.filter((condition) => !conditions[field].test(condition));
    if (next !== null) kept.splice(place >= 0 ? Math.min(place, kept.length) : kept.length, 0, next);
    list = kept;
  }
  return braces(list) + parts.stages;
}
