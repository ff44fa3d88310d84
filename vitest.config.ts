import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{schemas,config,gateway,plugins,cli,examples,bench,test}/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
})
