import type { Event } from '../../core/events.js';
import { plainLines } from './plain.js';
import { printable } from './problem.js';
import type { Renderer, Write } from './renderer.js';

interface Region {
  (text: string): void;
  clear(): void;
  done(): void;
}

interface ArtifactLine {
  done: number;
  readonly working: Map<string, string>;
}

/** How often the region is drawn anew, in milliseconds; in between events only change what will be drawn. */
const FRAME = 80;

/**
 * For a terminal: finished things scroll by, and a region at the bottom shows what is worked on right now. `region` is
 * log-update's function; it is handed in because only terminals pay for loading it.
 */
export function liveRenderer(region: Region, write: Write, options: { readonly verbose: boolean }): Renderer {
  const artifacts = new Map<string, ArtifactLine>();
  const images = new Map<string, string>();
  const pushes = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;

  const above = (lines: readonly string[]) => {
    if (lines.length === 0) return;
    region.clear();
    for (const line of lines) write(`${printable(line)}\n`);
    draw();
  };
  const draw = () => region([...regionLines(artifacts, images), ...pushLines(pushes)].map(printable).join('\n'));
  const soon = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      draw();
    }, FRAME);
  };

  return {
    event(event) {
      track(event, artifacts, images);
      trackPush(event, pushes);
      above(worthKeeping(event, options.verbose) ? plainLines(event, options.verbose) : []);
      soon();
    },
    close() {
      clearTimeout(timer);
      region.clear();
      region.done();
    },
  };
}

function worthKeeping(event: Event, verbose: boolean): boolean {
  if (verbose) return true;
  if (event.type === 'package') return event.state === 'compiled' || event.state === 'failed';
  if (event.type === 'image' || event.type === 'push') return event.state !== 'started';
  return event.type !== 'log' && event.type !== 'step';
}

function track(event: Event, artifacts: Map<string, ArtifactLine>, images: Map<string, string>): void {
  if (event.type === 'artifact') {
    if (event.state === 'started') artifacts.set(event.name, { done: 0, working: new Map() });
    else artifacts.delete(event.name);
  } else if (event.type === 'package') {
    const line = artifacts.get(event.artifact);
    if (line === undefined) return;
    if (event.state === 'fetching' || event.state === 'compiling' || event.state === 'installing') {
      line.working.set(event.package, event.state);
    } else {
      line.working.delete(event.package);
      line.done += 1;
    }
  } else if (event.type === 'image') {
    if (event.state === 'started') images.set(event.name, '');
    else images.delete(event.name);
  } else if (event.type === 'log') {
    if (images.has(event.subject)) images.set(event.subject, event.line);
  }
}

function regionLines(artifacts: ReadonlyMap<string, ArtifactLine>, images: ReadonlyMap<string, string>): string[] {
  const lines: string[] = [];
  for (const [name, { done, working }] of artifacts) {
    const compiling = [...working].filter(([, state]) => state === 'compiling').map(([subject]) => subject);
    const other = working.size - compiling.length;
    const parts = [`${done} done`];
    if (compiling.length > 0) parts.push(`compiling ${compiling.slice(0, 4).join(', ')}${compiling.length > 4 ? ' …' : ''}`);
    if (other > 0) parts.push(other === 1 ? [...working.entries()].filter(([, s]) => s !== 'compiling').map(([subject, state]) => `${state} ${subject}`).join('') : `${other} being fetched or installed`);
    lines.push(`${name}: ${parts.join(', ')}`);
  }
  for (const [name, last] of images) lines.push(`${name}: building${last === '' ? '' : `  ${last.slice(0, 100)}`}`);
  return lines;
}

function trackPush(event: Event, pushes: Map<string, string>): void {
  if (event.type === 'log') {
    if (pushes.has(event.subject)) pushes.set(event.subject, event.line);
  } else if (event.type === 'push') {
    if (event.state === 'started') pushes.set(event.name, '');
    else pushes.delete(event.name);
  }
}

function pushLines(pushes: ReadonlyMap<string, string>): string[] {
  return [...pushes].map(([name, last]) => `${name}: pushing${last === '' ? '' : `  ${last.slice(0, 100)}`}`);
}
