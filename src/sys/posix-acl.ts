/** The attribute that holds a file's access list (acl(5)). */
export const ACCESS_ACL = 'system.posix_acl_access';

const VERSION = 2;
const HEADER = 4;
const ENTRY = 8;
const TAG = { groupObj: 0x04, mask: 0x10 } as const;

/**
 * What an access list grants the owning group, three bits; undefined where it is not a list. With
 * a list, the group bits of a mode are its mask: the most that anybody named in it gets.
 */
export function aclGroupBits(acl: Buffer): number | undefined {
  if (acl.length < HEADER || acl.readUInt32LE(0) !== VERSION) return undefined;
  let group: number | undefined;
  let mask = 0o7;
  for (let at = HEADER; at + ENTRY <= acl.length; at += ENTRY) {
    const tag = acl.readUInt16LE(at);
    const bits = acl.readUInt16LE(at + 2) & 0o7;
    if (tag === TAG.groupObj) group = bits;
    if (tag === TAG.mask) mask = bits;
  }
  return group === undefined ? undefined : group & mask;
}

/** A mode with the group bits that its access list means. */
export function modeWithAcl(mode: number, acl: Buffer | undefined): number {
  const group = acl && aclGroupBits(acl);
  return group === undefined ? mode : (mode & ~0o070) | (group << 3);
}
