// What of a trace search is compared with what. Conditions on how a span went (duration, status) choose the spans; the
// others say among which: `{ name = "x" && duration > 1s }` compares slow spans named x with the other spans named x.

export interface ComparedSets {
  base: string;
  selection: string;
}

const how_it_went = /^\(?\s*(span:)?(duration|status|statusMessage|selfTime|onCriticalPath|childCount)\b/;

// The conditions of one pair of braces that are joined by && outside strings and parentheses; null for any other text.
export function conditions_of(q: string): string[] | null {
  const inside = /^\s*\{([^]*)\}\s*$/.exec(q)?.[1];
  if (inside === undefined) return null;
  const conditions: string[] = [];
  let depth = 0;
  let begin = 0;
  for (const { 0: token, index } of inside.matchAll(/"(?:[^"\\]|\\.)*"|`[^`]*`|&&|[(){}]|\|\|/g)) {
    if (token === '{' || token === '}') return null; // more than one pair
    if (token === '(') depth++;
    else if (token === ')') depth--;
    else if (depth === 0 && token === '||') return [inside.trim()];
    else if (depth === 0 && token === '&&') {
      conditions.push(inside.slice(begin, index).trim());
      begin = index + 2;
    }
  }
  return [...conditions, inside.slice(begin).trim()].filter((one) => one !== '');
}

// Conditions in one pair of braces; one that is a choice of several (a || b) stays one.
export function braces(conditions: string[]): string {
  if (conditions.length === 0) return '{ }';
  return `{ ${conditions.map((one) => (conditions.length > 1 && is_choice(one) ? `(${one})` : one)).join(' && ')} }`;
}

function is_choice(condition: string): boolean {
  let depth = 0;
  for (const { 0: token } of condition.matchAll(/"(?:[^"\\]|\\.)*"|`[^`]*`|[()]|\|\|/g)) {
    if (token === '(') depth++;
    else if (token === ')') depth--;
    else if (token === '||' && depth === 0) return true;
  }
  return false;
}

export function compared_sets(q: string): ComparedSets | null {
  const asked = /^\s*(\{[^{}]*\})\s*\|\s*compare\s*\(\s*(\{[^{}]*\})\s*(?:,\s*\d+\s*)?\)\s*$/.exec(q);
  if (asked) return { base: asked[1], selection: asked[2] };
  const conditions = conditions_of(q);
  if (conditions === null) return null;
  if (conditions.length === 0) return { base: '{ }', selection: '{ status = error }' };
  const chosen = conditions.filter((one) => how_it_went.test(one));
  if (chosen.length === 0) return { base: '{ }', selection: braces(conditions) };
  return { base: braces(conditions.filter((one) => !chosen.includes(one))), selection: braces(chosen) };
}

const plain_name = /^[A-Za-z_][\w.\-/]*$/;

// The condition a compared value stands for.
export function condition_of(attribute: string, type: string, value: string, operator: '=' | '!=', quoted: (text: string) => string): string {
  const scope = /^(span|resource|instrumentation)\./.exec(attribute)?.[0];
  const name = scope === undefined ? attribute : `${scope}${plain_name.test(attribute.slice(scope.length)) ? attribute.slice(scope.length) : quoted(attribute.slice(scope.length))}`;
  return `${name} ${operator} ${type === 'string' ? quoted(value) : value}`;
}
