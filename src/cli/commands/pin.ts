import { viewTask } from '../../runner/index.ts';
import { pin, type Store, type TaskName, unpin } from '../../store/index.ts';
import { addTasks } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';

export const command = defineCommand({
  examples: [['taskfs pin release-1.0', 'Keep a task, whatever the policy says']],
  about: "Neither prune nor the store's policy nor rm removes a pinned task.",
  build: (parser) => addTasks(parser),
  run: ({ options }) => eachOf(openStoreOf(options), options.task, pin),
});

export const unpinCommand = defineCommand({
  examples: [['taskfs unpin release-1.0', 'Treat a task as any other again']],
  build: (parser) => addTasks(parser),
  run: ({ options }) => eachOf(openStoreOf(options), options.task, unpin),
});

function eachOf(
  store: Store,
  tasks: readonly TaskName[],
  act: (store: Store, task: TaskName) => void,
): undefined {
  for (const task of tasks) viewTask(store, task);
  for (const task of tasks) act(store, task);
}
