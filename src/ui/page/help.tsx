import { signal } from '@preact/signals';
import { Dialog } from './dialog.tsx';

export const isHelpOpen = signal(false);

const KEYS: readonly (readonly [key: string, meaning: string])[] = [
  ['/', 'filter the tasks'],
  ['t', 'go to the list of tasks'],
  ['f', 'go to the files'],
  ['v', 'go to what is shown'],
  ['↑ ↓ Page Home End', 'move in a list'],
  ['→ ←', 'open and close a directory; the next and the previous picture'],
  ['Enter', 'show'],
  ['Ctrl+S', 'save, in the editor'],
  ['?', 'this list'],
];

export function Help() {
  return (
    <Dialog title="Keys" isOpen={isHelpOpen.value} onClose={() => (isHelpOpen.value = false)}>
      <dl class="keys">
        {KEYS.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
