import { compare } from '../core/record.js';

/**
 * Turns BuildKit's progress (`moby.buildkit.control.v1.StatusResponse`, protocol buffers) into lines like those of
 * `docker build --progress=plain`. Only the fields that make such lines are decoded; unknown ones are skipped.
 */
export class BuildkitTrace {
  private readonly steps = new Map<string, Step>();
  private error: string | undefined;

  /** The lines that this message adds. A message that cannot be decoded adds none. */
  read(message: Buffer): readonly string[] {
    const out: string[] = [];
    try {
      const status = decode(message);
      for (const vertex of status.messages(1)) this.readVertex(decode(vertex), out);
      for (const log of status.messages(3)) this.readLog(decode(log), out);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
    }
    return out;
  }

  /** Output that ended without a line end. */
  end(): readonly string[] {
    const steps = [...this.steps.values()].sort((a, b) => compare(a.name, b.name));
    return steps.filter((step) => step.partial !== '').map((step) => `#${step.number} ${step.partial}`);
  }

  /** The first step's error that is not just "cancelled because another failed". */
  get failure(): string | undefined {
    return this.error;
  }

  /** Vertex: 1 digest, 3 name, 4 cached, 5 started, 6 completed, 7 error. */
  private readVertex(vertex: Message, out: string[]): void {
    const digest = vertex.text(1);
    const name = vertex.text(3);
    if (digest === '' || name.startsWith('[internal]')) return;
    const step = this.step(digest, name);
    if (!step.shown && (vertex.has(5) || vertex.has(4))) {
      step.shown = true;
      out.push(`#${step.number} ${name}`);
    }
    if (step.done || !vertex.has(6)) return;
    step.done = true;
    const error = vertex.text(7);
    if (error !== '') this.error ??= `${name}: ${error}`;
    out.push(`#${step.number} ${error === '' ? (vertex.number(4) === 1 ? 'CACHED' : 'DONE') : `ERROR: ${error}`}`);
  }

  /** VertexLog: 1 vertex, 4 message bytes, not cut at lines. */
  private readLog(log: Message, out: string[]): void {
    const step = this.step(log.text(1), '');
    const lines = (step.partial + log.text(4)).split(/\r?\n/);
    step.partial = lines.pop() ?? '';
    for (const line of lines) out.push(`#${step.number} ${line}`);
  }

  private step(digest: string, name: string): Step {
    let step = this.steps.get(digest);
    if (step === undefined) {
      step = { number: this.steps.size + 1, name, shown: false, done: false, partial: '' };
      this.steps.set(digest, step);
    }
    return step;
  }
}

class Malformed extends Error {}

interface Step {
  readonly number: number;
  readonly name: string;
  shown: boolean;
  done: boolean;
  partial: string;
}

interface Message {
  has(field: number): boolean;
  number(field: number): number;
  text(field: number): string;
  messages(field: number): readonly Buffer[];
}

/** Wire format: a varint of field number and type, then a varint (0), 8 bytes (1), length and bytes (2) or 4 bytes (5). */
function decode(bytes: Buffer): Message {
  const fields = new Map<number, (number | Buffer)[]>();
  let position = 0;
  const take = (length: number): Buffer => {
    if (position + length > bytes.length) throw new Malformed('message cut short');
    position += length;
    return bytes.subarray(position - length, position);
  };
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = take(1)[0]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      if (factor > 2 ** 63) throw new Malformed('varint too long');
    }
  };
  while (position < bytes.length) {
    const tag = varint();
    const value = read(tag % 8, varint, take);
    const field = Math.floor(tag / 8);
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  const buffers = (field: number) => (fields.get(field) ?? []).filter((value) => typeof value !== 'number');
  return {
    has: (field) => fields.has(field),
    number: (field) => Number(fields.get(field)?.[0] ?? 0),
    text: (field) => buffers(field)[0]?.toString('utf8') ?? '',
    messages: buffers,
  };
}

function read(type: number, varint: () => number, take: (length: number) => Buffer): number | Buffer {
  if (type === 0) return varint();
  if (type === 1) return take(8);
  if (type === 2) return take(varint());
  if (type === 5) return take(4);
  throw new Malformed(`unknown wire type ${type}`);
}
