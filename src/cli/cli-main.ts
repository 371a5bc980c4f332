import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The path of the main module, for supervisors that are started with it: .ts from the checkout, .js when built. */
export const cliMain = fileURLToPath(new URL(`./main${extname(import.meta.url)}`, import.meta.url));
