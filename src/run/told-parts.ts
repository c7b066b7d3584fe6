import type { Part } from '../artifact/artifact.js';

type Listener = (parts: readonly Part[]) => void;

/** Passes on the parts of artifacts that are being made; who comes late is told what was told before. */
export class ToldParts {
  readonly #told = new Map<string, (readonly Part[])[]>();
  readonly #listeners = new Map<string, Set<Listener>>();

  tell(artifact: string, parts: readonly Part[]): void {
    this.#told.set(artifact, [...(this.#told.get(artifact) ?? []), parts]);
    for (const listener of this.#listeners.get(artifact) ?? []) listener(parts);
  }

  /** Returns what ends it. */
  listen(artifact: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(artifact) ?? new Set();
    this.#listeners.set(artifact, listeners.add(listener));
    for (const parts of this.#told.get(artifact) ?? []) listener(parts);
    return () => void listeners.delete(listener);
  }

  /** It is made, or won't be; without a name: none will be as was told. */
  forget(artifact?: string): void {
    if (artifact === undefined) this.#told.clear();
    else this.#told.delete(artifact);
  }
}
