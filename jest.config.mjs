// Tests run from source: esbuild strips the types, `npm run typecheck` checks them.
// Rings (see test/README.md): a file's folder says what it needs; `scripts/test` runs them all.
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': '<rootDir>/scripts/lib/jest-transform.cjs' },
  // Registries hang for a minute now and then, and clients wait that long.
  testTimeout: 300_000,
  maxWorkers: 2,
  testSequencer: '<rootDir>/scripts/lib/long-first.mjs',
  reporters: ['default', '<rootDir>/scripts/lib/report-problems.mjs'],
};
