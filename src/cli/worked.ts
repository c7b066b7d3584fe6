import type { Event } from '../core/events.js';

/** Whether something was made in this run: then it compiled more of the program than one with nothing to do (launch.ts). */
let worked = false;

export function noteWork(event: Event): void {
  if ((event.type === 'image' || event.type === 'artifact') && event.state === 'built') worked = true;
}

export function hasWorked(): boolean {
  return worked;
}
