// How far the server is with the queries this page waits for.
import { get_json } from './http';

// Counts are of rows and stored bytes, prices are upper bounds.
export interface Progress {
  id: string;
  rows_read: number;
  bytes_read: number;
  rows_priced: number;
}

interface Listed { id: string; rowsRead: string; bytesRead: string; rowsPriced: string }

export async function progress_of(ids: string[], signal: AbortSignal): Promise<Progress[]> {
  const { queries } = await get_json<{ queries: Listed[] }>('/obelisk/api/v1/queries', {}, signal);
  return queries.filter(({ id }) => ids.includes(id)).map(({ id, rowsRead, bytesRead, rowsPriced }) => (
    { id, rows_read: Number(rowsRead), bytes_read: Number(bytesRead), rows_priced: Number(rowsPriced) }));
}
