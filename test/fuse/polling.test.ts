import { describe, expect, test } from 'vitest';
import { longestPoll, Polling } from '../../src/fuse/polling.ts';

/** Lets so many requests come, each after the time that the way of waiting takes. */
function wait(polling: Polling, requests: number, polled: number, slept: number): number {
  let polls = 0;
  for (let request = 0; request < requests; request++) {
    const isPolling = polling.budget > 0;
    if (isPolling) polls++;
    polling.waited(isPolling ? polled : slept);
  }
  return polls;
}

describe('adaptive polling', () => {
  test('polls where that brings requests sooner, and hardly ever where it does not', () => {
    const free = new Polling(50);
    expect(wait(free, 10_000, 20, 80)).toBeGreaterThan(9000);
    const busy = new Polling(50);
    expect(wait(busy, 10_000, 120, 30)).toBeLessThan(1000);
  });

  test('changes its way within some thousand requests when the machine changes', () => {
    const polling = new Polling(50);
    wait(polling, 5000, 20, 80);
    wait(polling, 2000, 120, 30);
    expect(wait(polling, 5000, 120, 30)).toBeLessThan(500);
    wait(polling, 2000, 20, 80);
    expect(wait(polling, 5000, 20, 80)).toBeGreaterThan(4500);
  });

  test('gives up while requests are rare, and forgives a single long gap', () => {
    const polling = new Polling(50);
    polling.waited(10_000);
    expect(polling.budget).toBe(50);
    for (let i = 0; i < 9; i++) polling.waited(10_000);
    expect(polling.budget).toBe(0);
    polling.waited(60);
    expect(polling.budget).toBe(50);
  });

  test('never polls on a machine of one core, where it would keep the client from running', () => {
    expect(longestPoll(1)).toBe(0);
    expect(longestPoll(2)).toBeGreaterThan(0);
    expect(wait(new Polling(0), 1000, 20, 80)).toBe(0);
  });
});
