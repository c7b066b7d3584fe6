import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What the engine says, asked through its own client: an oracle that shares no code with ours. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('docker', [...args], { maxBuffer: 1 << 26 });
  return stdout.trim();
}

/** Ids of all containers, running or not, with this label. */
export async function containersWith(label: string): Promise<readonly string[]> {
  return lines(await docker('ps', '--all', '--quiet', '--no-trunc', '--filter', `label=${label}`));
}

/** Removes what a test's project left on the engine: its containers and its images. */
export async function removeProject(name: string): Promise<void> {
  const containers = await containersWith(`wheelwright.project=${name}`);
  if (containers.length > 0) await docker('rm', '--force', '--volumes', ...containers);
  // An image goes after those that are built from it, and the engine lists them in no such order.
  for (let before = Infinity; ; ) {
    const images = new Set(lines(await docker('images', '--quiet', '--no-trunc', '--filter', `label=wheelwright.project=${name}`)));
    if (images.size === 0 || images.size >= before) return;
    before = images.size;
    await docker('rmi', '--force', ...images).catch(() => undefined);
  }
}

function lines(text: string): readonly string[] {
  return text === '' ? [] : text.split('\n');
}
