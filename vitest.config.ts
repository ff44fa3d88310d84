import { defineConfig } from 'vitest/config'

// CI reads the numbers of the run from this file; nobody else needs it.
const report = process.env['CI_TEST_REPORT']

export default defineConfig({
  test: {
    include: ['{schemas,config,gateway,plugins,cli,examples,bench,test}/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Many tests wait for servers that start, die and come back: one worker for each core, not one less.
    maxWorkers: '100%',
    reporters: report === undefined ? ['default'] : ['default', 'json'],
    ...(report === undefined ? {} : { outputFile: { json: report } }),
  },
})
