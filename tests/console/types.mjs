// Types of the API from the running service's description, and the modules checked with them.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { ROOT, serve } from './portal.mjs';

const portal = await serve();
try {
  const run = (tool, ...given) =>
    execFileSync(`node_modules/.bin/${tool}`, given, { cwd: path.join(ROOT, 'tests/console'), stdio: 'inherit' });
  run('openapi-typescript', `${portal.url}/openapi.json`, '-o', 'openapi.d.ts');
  run('tsc', '-p', '.');
} finally {
  await portal.stop();
}
