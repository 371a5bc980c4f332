import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const library = join(import.meta.dirname, '../../src/library');

it('each name that the library declares is documented', () => {
  const declared = readdirSync(library)
    .filter((file) => file !== 'copying-program.ts')
    .flatMap((file) => {
      const lines = readFileSync(join(library, file), 'utf8').split('\n');
      return lines.flatMap((line, index) => {
        const [, name] =
          /^export (?:async )?(?:function|interface|type|const|class) (\w+)/.exec(line) ?? [];
        if (name === undefined) return [];
        return [{ name: `${file}: ${name}`, isDocumented: lines[index - 1]?.endsWith('*/') }];
      });
    });
  expect(declared.length).toBeGreaterThan(50);
  expect(declared.filter(({ isDocumented }) => !isDocumented).map(({ name }) => name)).toEqual([]);
});
