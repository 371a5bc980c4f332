import type { TaskView } from '../runner/index.ts';
import { type Colour, paint, type Words } from './words.ts';

/** Live tasks are green, archived ones plain, those that need somebody yellow. */
export function colourOf({ artifacts, plaintext }: TaskView): Colour | undefined {
  if (artifacts === 'kept' || plaintext) return 'yellow';
  return artifacts === 'sealed' ? undefined : 'green';
}

export function paintTask(task: TaskView, text: string): Words {
  const colour = colourOf(task);
  return colour ? paint(colour, text) : text;
}
