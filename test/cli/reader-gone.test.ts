import { once } from 'node:events';
import { expect, test } from 'vitest';
import { newCli } from '../support/cli.ts';

const script = `cd "$TASKFS_ARTIFACTS"; for i in $(seq 3000); do echo "line $i"; done
  mkdir a b c; seq 100000 > a/long; touch ready; sleep 600`;

test.each([
  'watch live --json',
  'watch live',
  'watch --json',
  'events -f',
  'logs live -f',
  'attach live --no-stdin',
  'ls -R live',
  'cat live a/long',
])('%s ends well when nobody reads on', async (command) => {
  const cli = newCli();
  await cli.run('run', '-d', '--name', 'live', '--', 'sh', '-c', script);
  while ((await cli.run('cat', 'live', 'ready')).code !== 0);
  const child = cli.start(...command.split(' '));
  const closed = once(child, 'close');
  child.stdin.end();
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  // It shows what comes from then on.
  if (!command.startsWith('attach')) await once(child.stdout, 'data');
  child.stdout.destroy();
  // Nothing comes any more that could not be written.
  const [code] = await closed;
  expect({ code, words }).toEqual({ code: 0, words: '' });
});
