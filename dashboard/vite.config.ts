import react from '@vitejs/plugin-react'
import { compression, defineAlgorithm } from 'vite-plugin-compression2'
import { defineConfig } from 'vitest/config'

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
    include: ['test/**/*.test.{ts,tsx}'],
    css: { modules: { classNameStrategy: 'non-scoped' } },
  },
})
