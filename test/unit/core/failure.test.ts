import { expect, test } from '@jest/globals';
import { Failed, type Problem } from '../../../src/core/failure.js';

const disk = (message: string): Problem => ({ reason: 'disk', message });

test('a full disk is told once, wherever it was seen; another trouble with a disk and other failures are told each', () => {
  const full = disk("can't write to /store/v1/tmp: no space left on the disk");
  const readOnly = disk("can't write to /other/records: the file system is read-only");
  const compile: Problem = { reason: 'compile', message: 'one 1.0 failed to compile: no space left on the disk' };
  const { problems, message } = new Failed([full, compile, disk("can't write to /store/v1/records: no space left on the disk"), readOnly, compile]);
  expect(problems).toEqual([full, compile, readOnly, compile]);
  expect(message.split('; ')).toHaveLength(4);
});
