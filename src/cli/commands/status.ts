import { statusOf, type ArtifactStatus } from '../../run/status.js';
import type { Action } from '../action.js';
import { withWorld } from '../wire.js';

/** How many missing packages are named before the rest is only counted. */
const NAMED = 8;

export const status: Action = (options) =>
  withWorld(options, async ({ world, artifacts }) => {
    const found = await statusOf(world, artifacts);
    const lines = [
      ...found.artifacts.flatMap(artifactLines),
      ...found.images.map((image) => `${image.name}: ${image.state}  ${image.key?.slice(0, 12) ?? ''}`),
    ];
    return { data: { artifacts: found.artifacts, images: found.images }, lines, problems: found.problems };
  }, { tagged: true });

function artifactLines(artifact: ArtifactStatus): string[] {
  const lines = [`${artifact.name}: ${artifact.state}  ${artifact.key?.slice(0, 12) ?? ''}`];
  for (const reason of artifact.reasons) lines.push(`  because ${reason}`);
  if (artifact.missing.length > 0) {
    const named = artifact.missing.slice(0, NAMED).join(', ');
    const rest = artifact.missing.length > NAMED ? ` and ${artifact.missing.length - NAMED} more` : '';
    lines.push(`  to fetch or compile: ${named}${rest}`);
  }
  return lines;
}
