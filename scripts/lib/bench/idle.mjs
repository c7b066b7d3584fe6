// Nothing to do on the Pontoon case: the whole process, and what an edited comment or a changed order costs.
import { artifacts, BUILDER, cli, join, median, prepare, readFileSync, rmSync, runs, s, table, temporary, writeFileSync } from './tools.mjs';
import { spawnSync } from 'node:child_process';

export async function idle() {
  const folder = temporary('idle');
  try {
    prepare('pontoon/head', folder);
    writeFileSync(
      join(folder, 'project.yml'),
      `name: bench\nnetwork: { ca: system }\nartifacts:\n  python:\n    kind: python\n    builder: ${BUILDER}\n    requirements: [requirements/prod.txt]\n    prefix: /opt/venv\n  node:\n    kind: node\n    builder: ${BUILDER}\n    package: package.json\n`,
    );
    artifacts(['build'], folder);
    const rows = [['node -e ""', s(median(times(() => void spawnSync(process.execPath, ['-e', '']))))]];
    rows.push(['artifacts --version', s(median(times(() => artifactsVersion())))]);
    rows.push(['nothing to do', s(median(times(() => artifacts(['build'], folder))))]);
    const file = join(folder, 'requirements/prod.txt');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, `# a comment\n${text}`);
    rows.push(['a comment edited', s(check(artifacts(['build'], folder)))]);
    writeFileSync(file, reordered(text));
    rows.push(['lines reordered', s(check(artifacts(['build'], folder)))]);
    table('Nothing to do, Pontoon (116 pins, 742 package paths), whole process', ['work', 'median'], rows);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function times(work) {
  return Array.from({ length: runs + 1 }, () => {
    const started = performance.now();
    work();
    return (performance.now() - started) / 1000;
  }).slice(1);
}

function artifactsVersion() {
  spawnSync(cli, ['--version']);
}

function check({ seconds, result }) {
  for (const artifact of result.artifacts) if (artifact.status !== 'present') throw new Error(`${artifact.name} was ${artifact.status}`);
  return seconds;
}

/** Requirements with their continuation lines, in reverse order. */
function reordered(text) {
  return `${text.replace(/\\\n/g, '\\\0').split('\n').filter(Boolean).reverse().join('\n').replaceAll('\\\0', '\\\n')}\n`;
}
