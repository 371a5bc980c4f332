import { attributeCases } from './attributes-and-lists.ts';
import type { Case, Cases } from './case.ts';
import { listingCases } from './listing.ts';
import { makingCases } from './making.ts';
import { modeAndOwnerCases } from './modes-and-owners.ts';
import { openingCases } from './opening.ts';
import { removingCases } from './removing.ts';
import { sizeCases } from './sizes.ts';
import { systemCallCases } from './system-calls.ts';
import { timeCases } from './times.ts';

const groups: Readonly<Record<string, Cases>> = {
  'modes and owners': modeAndOwnerCases,
  making: makingCases,
  removing: removingCases,
  opening: openingCases,
  sizes: sizeCases,
  times: timeCases,
  attributes: attributeCases,
  listing: listingCases,
  'system calls': systemCallCases,
};

/** Every case with its title. */
export const allCases: readonly (readonly [title: string, act: Case])[] = Object.entries(
  groups,
).flatMap(([group, cases]) =>
  Object.entries(cases).map(([name, act]) => [`${group}: ${name}`, act] as const),
);

export const caseTitles: readonly string[] = allCases.map(([title]) => title);
