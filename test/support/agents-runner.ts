import { createCipheriv, createHash, createHmac, randomBytes } from 'node:crypto';

/** What agents-runner writes as an artifact: a Fernet token, of a task in an environment. */
export function tokenOf(content: string, task: string, environment: string): string {
  const key = createHash('sha256').update(`${task}\0${environment}`).digest();
  const head = Buffer.alloc(9, 0x80);
  head.writeBigUInt64BE(1_700_000_000n, 1);
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-128-cbc', key.subarray(16), iv);
  const signed = Buffer.concat([head, iv, cipher.update(content), cipher.final()]);
  const hmac = createHmac('sha256', key.subarray(0, 16)).update(signed).digest();
  return Buffer.concat([signed, hmac]).toString('base64url');
}
