import { fail } from '../core/failure.js';
import type { Answer } from './exchange.js';

/** The whole body in memory, at most `limit` bytes. */
export async function collect(answer: Answer, subject: string, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body) {
      size += chunk.length;
      if (size > limit) tooBig(subject, limit);
      chunks.push(chunk);
    }
  } finally {
    answer.close();
  }
  return Buffer.concat(chunks, size);
}

/** Headers by lower-case name; what was sent several times is joined. */
export function flat(answer: Pick<Answer, 'headers'>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  return headers;
}

export function tooBig(subject: string, limit: number): never {
  fail({ reason: 'registry', message: `${subject} is bigger than ${limit} bytes` });
}
