/**
 * The archives of the system that taskfs replaces ("live artifacts" of agents-runner), to be read
 * and never written: `<uuid4>.enc`, a Fernet token, and beside it `<uuid4>.meta`, JSON. Stores and
 * tasks do not enter.
 */
export {
  type Extracted,
  extractArtifacts,
  type Origin,
  originOf,
} from './extract.ts';
