// What the server's own parsers say of a text, for underlining while somebody types.
import type { Language } from '../parts/code_editor';
import { get_json } from './http';

export interface Mistake {
  message: string; // without the place
  place: string; // "1:42", or "" when the server names none
  from: number; // in the text, counted as JavaScript does
  to: number;
}

interface Answer {
  ok: boolean;
  error?: { message: string; begin?: number; end?: number; line?: number; column?: number };
}

// The server counts bytes of UTF-8.
export function text_index(text: string, bytes: number): number {
  let at = 0;
  let index = 0;
  for (const char of text) {
    if (at >= bytes) break;
    const code = char.codePointAt(0)!;
    at += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    index += char.length;
  }
  return index;
}

// A place is what one can point at: at the end of the text that is its last character, without a place all of it.
export function mistake_of(text: string, error: NonNullable<Answer['error']>): Mistake {
  const message = error.message.replace(/^(parse error|invalid TraceQL query) at line \d+, col \d+: /, '');
  if (error.begin === undefined) return { message, place: '', from: 0, to: text.length };
  const to = text_index(text, error.end ?? error.begin);
  const end = Math.max(1, text.trimEnd().length);
  const from = Math.min(text_index(text, error.begin), end - 1);
  return { message, place: `${error.line}:${error.column}`, from, to: Math.max(from + 1, Math.min(to, end)) };
}

const longest_asked = 8000; // as a GET; longer ones are told when they run

export async function parse(language: Language, text: string, signal?: AbortSignal): Promise<Mistake | null> {
  if (text.trim() === '' || text.length > longest_asked) return null;
  const { ok, error } = await get_json<Answer>('/obelisk/api/v1/parse', { language, query: text }, signal);
  return ok || !error ? null : mistake_of(text, error);
}
