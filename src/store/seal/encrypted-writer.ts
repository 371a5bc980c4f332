import { type KeyObject, randomBytes } from 'node:crypto';
import { closeSync, constants, fsyncSync, openSync, writeSync } from 'node:fs';
import type { AgeHeader } from './age-header.ts';
import { BLOCK_SIZE, type EncryptPool } from './encrypt-pool.ts';
import { type EncryptRequest, encryptBlock } from './encrypt-worker.ts';
import { CHUNK, NONCE, payloadKey, SEALED_CHUNK } from './payload.ts';

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/**
 * Writes one age file front to back. Plaintext gathers in blocks; a full one is sealed by the pool
 * and written at its own place while the next one fills. What is left at the end, which holds the
 * last chunk, is sealed here.
 */
export class EncryptedWriter {
  /** Bytes of plaintext so far. */
  position = 0;
  private readonly fd: number;
  private readonly pool: EncryptPool;
  private readonly key: KeyObject;
  private readonly start: number;
  private block: SharedArrayBuffer | undefined;
  private used = 0;
  /** Where the block begins in the plaintext. */
  private blockStart = 0;
  /** A full block that is the file's last one, unless more comes: only the last chunk is marked so. */
  private held: EncryptRequest | undefined;

  constructor(path: string, header: AgeHeader, pool: EncryptPool) {
    const nonce = randomBytes(NONCE);
    this.pool = pool;
    this.key = payloadKey(header.fileKey, nonce);
    this.start = header.bytes.length + NONCE;
    this.fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    writeSync(this.fd, Buffer.concat([header.bytes, nonce]));
  }

  /** Free space to fill; tell with `advance` how much was. Never empty. */
  async room(): Promise<Uint8Array> {
    if (this.block && this.used === BLOCK_SIZE) this.holdBlock(this.block);
    this.block ??= await this.pool.take();
    return new Uint8Array(this.block, this.used);
  }

  advance(length: number): void {
    if (length > 0) this.sendHeld();
    this.used += length;
    this.position += length;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const room = await this.room();
      const part = bytes.subarray(at, at + room.length);
      room.set(part);
      this.advance(part.length);
      at += part.length;
    }
  }

  async writeZeros(length: number): Promise<void> {
    for (let left = length; left > 0; ) {
      const room = (await this.room()).subarray(0, left);
      room.fill(0);
      this.advance(room.length);
      left -= room.length;
    }
  }

  /** Seals the rest and makes the file durable. */
  async finish(): Promise<void> {
    const rest = await this.takeRest();
    await this.pool.settle();
    const out = Buffer.allocUnsafe((Math.floor(rest.length / CHUNK) + 1) * SEALED_CHUNK);
    encryptBlock({ ...rest, last: true }, out);
    this.pool.giveBack(rest.block);
    fsyncSync(this.fd);
  }

  close(): void {
    closeSync(this.fd);
  }

  private holdBlock(block: SharedArrayBuffer): void {
    this.held = this.request(block);
    this.block = undefined;
    this.blockStart += this.used;
    this.used = 0;
  }

  private sendHeld(): void {
    if (this.held) this.pool.send(this.held);
    this.held = undefined;
  }

  /** What holds the last chunk: the block that was held back, where nothing came after it. */
  private async takeRest(): Promise<EncryptRequest> {
    const { held } = this;
    const block = this.block ?? (held ? undefined : await this.pool.take());
    this.block = undefined;
    this.held = undefined;
    if (!held) return this.request(block as SharedArrayBuffer);
    if (block) this.pool.giveBack(block);
    return held;
  }

  private request(block: SharedArrayBuffer): EncryptRequest {
    const { fd, key, used: length, blockStart } = this;
    const counter = blockStart / CHUNK;
    return {
      block,
      length,
      fd,
      position: this.start + counter * SEALED_CHUNK,
      key,
      counter,
      last: false,
    };
  }
}
