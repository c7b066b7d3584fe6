import type { EngineInfo } from '../engine/engine.js';

/**
 * Release since which a graph driver's load opens every folder on the way to a file for each operation on it, and passes each block of 512 bytes from one
 * thread to another: the engine's builder unpacks the same tar in less than half the time (README, "Measured").
 */
const SLOW_LOADS = 28;

/** Whether an engine's builder unpacks what is sent ahead: one image after the other, and few of many layers rather than many of few (README, "By the engine's builder"). */
export function isByBuilder({ imageStore, buildkit, version }: Pick<EngineInfo, 'imageStore' | 'buildkit' | 'version'>): boolean {
  return imageStore === 'graphdriver' && buildkit && Number.parseInt(version) >= SLOW_LOADS;
}
