/**
 * doctor: what taskfs needs of a machine, a store and its mounts, checked and, where the user may,
 * put right; and what desktops keep of its files in plaintext. How findings are shown does not
 * enter.
 */
export { examine } from './checks.ts';
export type { Finding } from './finding.ts';
export { removeThumbnailsOf } from './thumbnails.ts';
