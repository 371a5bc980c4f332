import { type ParseArgsConfig, parseArgs } from 'node:util';

/** The options of a benchmark, which ends with 2 and one line where it has no such option. */
export function optionsOf<const T extends NonNullable<ParseArgsConfig['options']>>(options: T) {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exit(2);
  }
}
