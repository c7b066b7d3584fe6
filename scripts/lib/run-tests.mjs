// Runs jest and ends with the line `N passed, N failed`; exits 0 only if something passed and nothing failed.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'wheelwright-jest-'));
const output = join(folder, 'result.json');
const child = spawn(
  process.execPath,
  ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', '--json', `--outputFile=${output}`, '--silent=false', ...process.argv.slice(2)],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
child.on('exit', (code) => {
  let result;
  try {
    result = JSON.parse(readFileSync(output, 'utf8'));
  } catch {
    console.log('0 passed, 1 failed');
    process.exit(1);
  }
  rmSync(folder, { recursive: true, force: true });
  // A test file that can't even be loaded has no failed test in it, and counts as one.
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  console.log(`${result.numPassedTests} passed, ${failed} failed`);
  process.exit(code === 0 && failed === 0 && result.numPassedTests > 0 ? 0 : 1);
});
