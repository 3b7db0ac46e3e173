import react from '@vitejs/plugin-react'
import { compression, defineAlgorithm } from 'vite-plugin-compression2'
import { defineConfig } from 'vitest/config'

const APART = ['test/models/model-table.test.tsx', 'test/shell/shell.test.tsx']

export default defineConfig({
  plugins: [
    react(),
    // The API serves these beside the originals, so nothing is compressed at run time.
    compression({
      algorithms: [defineAlgorithm('gzip', { level: 9 }), 'brotliCompress'],
      include: /\.(js|css|html|svg|json)$/,
      threshold: 512,
    }),
  ],
  build: {
    // What light-dark(), used by every colour token, needs; all of 2024 or older.
    target: ['chrome123', 'edge123', 'firefox120', 'safari17.5'],
    // A data: URI would be no smaller, and the policy allows fonts and images of our own origin only.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: { proxy: { '/api': 'http://127.0.0.1:8000' } },
  test: {
    environment: 'jsdom',
    setupFiles: ['test/setup.ts'],
    testTimeout: 20_000,
    css: { modules: { classNameStrategy: 'non-scoped' } },
    // A page and all modules made anew for each file cost more than the tests. Those get them that put others in the
    // place of modules, or count on parts of the page that nobody has fetched yet.
    projects: [
      {
        extends: true,
        test: { name: 'shared', isolate: false, include: ['test/**/*.test.{ts,tsx}'], exclude: APART },
      },
      { extends: true, test: { name: 'apart', include: APART } },
    ],
  },
})
