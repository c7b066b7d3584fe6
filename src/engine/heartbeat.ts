export interface HeartbeatOptions {
  /** ms between two questions. */
  readonly every: number;
  /** Whether the other side lives; never rejects. */
  readonly ping: () => Promise<boolean>;
  /** What is told to those who wait. */
  readonly dead: () => Error;
}

/** Asks the other side whether it lives while somebody waits for it, and ends all waiting if it does not. */
export class Heartbeat {
  private readonly open = new Set<(error: Error) => void>();
  private timer: NodeJS.Timeout | undefined;
  private asking = false;

  constructor(private readonly options: HeartbeatOptions) {}

  /** Registers something to be ended when there is no answer; returns how to take it off again. */
  watch(end: (error: Error) => void): () => void {
    this.open.add(end);
    this.timer ??= setInterval(() => void this.beat(), this.options.every).unref();
    return () => {
      this.open.delete(end);
      if (this.open.size > 0) return;
      clearInterval(this.timer);
      this.timer = undefined;
    };
  }

  private async beat(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      if (await this.options.ping()) return;
      const error = this.options.dead();
      for (const end of [...this.open]) end(error);
    } finally {
      this.asking = false;
    }
  }
}
