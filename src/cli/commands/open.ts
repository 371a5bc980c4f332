import { addPathOrTop, addTask } from '../arguments.ts';
import { mountedPath } from '../artifact-path.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { launchProgram } from '../run-external.ts';
import { holdSessionMount, makeSessionMount } from '../session-mount.ts';

export const command = defineCommand({
  examples: [
    ['taskfs open build', 'Show the files of a task in the file manager'],
    ['taskfs open build plot.png', 'Show one of them in the desktop’s program for it'],
  ],
  about:
    'Opens them in a mount of the store, so that sealing waits for programs that write it, and ' +
    'lists of recent files do not name the store. Without one, it mounts in $XDG_RUNTIME_DIR ' +
    'until the program has ended.',
  build: (parser) => addPathOrTop(addTask(addIdentityOptions(parser)), 'A file or directory'),
  run: async ({ options }) => {
    const { task, path } = options;
    const store = openStoreOf(options);
    const found = await mountedPath(store, task, path, options, makeSessionMount);
    using held = holdSessionMount(store, found);
    await launchProgram('xdg-open', [found], { hint: HINT, held: held.fds });
    return 0;
  },
});

const HINT =
  "It comes with the desktop (on Debian: 'xdg-utils'), and needs a program for such files; " +
  "'taskfs preview' and 'taskfs cp' do without.";
