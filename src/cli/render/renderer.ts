import type { Event } from '../../core/events.js';

/** Something that watches events. All of them write to stderr; stdout is for results. */
export interface Renderer {
  event(event: Event): void;
  /** Leaves the terminal as it was; called once, before results are printed. */
  close(): void;
}

export type Write = (text: string) => void;
