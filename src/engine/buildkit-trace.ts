import { compare } from '../core/record.js';
import { Malformed, decode } from './protobuf.js';
import type { Message } from './protobuf.js';

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

interface Step {
  readonly number: number;
  readonly name: string;
  shown: boolean;
  done: boolean;
  partial: string;
}
