import type { Problem } from './failure.js';

/** What the core tells while it works; renderers (plain, live, JSON, quiet) subscribe in cli. */
export type Event =
  | { readonly type: 'artifact'; readonly name: string; readonly state: 'started' | 'present' | 'built' | 'failed'; readonly packages?: PackageCounts; readonly seconds?: number }
  | { readonly type: 'package'; readonly artifact: string; readonly package: string; readonly state: PackageState; readonly seconds?: number }
  | { readonly type: 'image'; readonly name: string; readonly state: 'started' | 'present' | 'retagged' | 'built' | 'failed' | 'skipped'; readonly seconds?: number; readonly reason?: string }
  /** An image on its way to its registry; `bytes`: what had to be sent. */
  | { readonly type: 'push'; readonly name: string; readonly state: 'started' | 'present' | 'retagged' | 'pushed' | 'failed'; readonly bytes?: number; readonly seconds?: number }
  /** A line of a container's or a build's log. */
  | { readonly type: 'log'; readonly subject: string; readonly line: string }
  /** A step worth a line of its own: "probing builder", "pulling debian:trixie-slim". */
  | { readonly type: 'step'; readonly subject: string; readonly message: string }
  | { readonly type: 'warning'; readonly problem: Problem }
  /** Another process holds what we need; said once. */
  | { readonly type: 'waiting'; readonly message: string };

export type PackageState = 'fetching' | 'fetched' | 'compiling' | 'compiled' | 'reused' | 'installing' | 'installed' | 'failed';

/** How the packages of one artifact came about; total = reused + fetched + compiled. */
export interface PackageCounts {
  readonly total: number;
  readonly reused: number;
  readonly fetched: number;
  readonly compiled: number;
}

export type Emit = (event: Event) => void;
