import { env } from 'node:process';
import { defineConfig } from 'vite';

// Libraries written for React run on preact/compat. Assets never become data: URLs, and the preload helper is left out:
// the server's content security policy allows neither inline scripts nor inline styles.
export default defineConfig({
  base: '/ui/',
  resolve: {
    alias: [
      { find: /^react$/, replacement: 'preact/compat' },
      { find: /^react-dom$/, replacement: 'preact/compat' },
      { find: /^react\/jsx-runtime$/, replacement: 'preact/jsx-runtime' },
    ],
    dedupe: ['preact'],
  },
  build: {
    outDir: 'dist',
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    manifest: 'manifest.json',
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      onwarn(warning, report) {
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') report(warning); // "use client" means nothing here
      },
    },
  },
  server: { proxy: Object.fromEntries(['/api', '/loki', '/obelisk'].map((path) =>
    [path, { target: env.OBELISK_URL ?? 'http://127.0.0.1:9090', ws: true }])) },
});
