// The text of one line as it is shown in a list: the message first, then what else a structured line says.
import type { LogLine } from '../api/loki';
import { text_fields } from '../api/obelisk';

const message_names = ['event', 'msg', 'message', 'body', 'log'];
const known_names = new Set([...message_names, 'level', 'severity', 'timestamp', 'time', 'ts', 'trace_id', 'span_id', 'trace_flags', 'traceId', 'spanId', 'logger']);
const shown_max = 600;

// Control characters are shown as pictures instead of taking effect; line breaks become arrows.
export function visible_text(text: string): string {
  return text.replace(/\r?\n/g, ' ↵ ').replace(/[\u0000-\u0008\u000b-\u001f]/g, (char) => String.fromCharCode(0x2400 + char.charCodeAt(0))).replace(/\u007f/g, '␡');
}

export function message_text(line: LogLine): string {
  const own = line.text.trimStart().startsWith('{') ? text_fields(line) : {};
  const name = message_names.find((one) => own[one] !== undefined);
  if (line.text === '') return '(empty line)';
  if (!name) return visible_text(line.text.slice(0, shown_max));
  const rest = Object.entries(own).filter(([key]) => !known_names.has(key)).slice(0, 12)
    .map(([key, value]) => `${key}=${value.length > 80 ? `${value.slice(0, 80)}…` : value}`);
  return visible_text([own[name], ...rest].join('  ').slice(0, shown_max));
}
