import { describe, expect, test } from 'vitest';
import { longestPoll, Polling } from '../../src/fuse/polling.ts';

describe('adaptive polling', () => {
  test('polls for requests while they come often and gives up when they do not', () => {
    const polling = new Polling(50);
    for (let i = 0; i < 10; i++) polling.woke(80);
    expect(polling.budget).toBe(50);
    for (let i = 0; i < 4; i++) polling.woke(10_000);
    expect(polling.budget).toBe(0);
  });

  test('forgives a single long gap, and starts again when requests come fast', () => {
    const polling = new Polling(50);
    polling.woke(10_000);
    expect(polling.budget).toBe(50);
    for (let i = 0; i < 9; i++) polling.woke(10_000);
    polling.woke(60);
    expect(polling.budget).toBe(50);
  });

  test('never polls on a machine of one core, where it would keep the client from running', () => {
    expect(longestPoll(1)).toBe(0);
    expect(longestPoll(2)).toBeGreaterThan(0);
  });
});
