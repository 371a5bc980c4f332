import { basename } from 'node:path';

/** Editors with windows that return at once, and what makes them wait until the file is closed. */
const WAIT_OPTIONS: Readonly<Record<string, string>> = {
  atom: '--wait',
  code: '--wait',
  'code-insiders': '--wait',
  codium: '--wait',
  cursor: '--wait',
  gedit: '--wait',
  gvim: '--nofork',
  kate: '--block',
  mate: '--wait',
  pluma: '--wait',
  subl: '--wait',
  xed: '--wait',
  zed: '--wait',
};

/** All ways to say that; in a list of options, they may stand anywhere. */
const WAITS = /(?:^|\s)(?:-w|-f|-b|--wait|--nofork|--block)(?:\s|$)/;

/**
 * The person's editor as a shell command, $VISUAL, else $EDITOR, else vi, which ends when the
 * file is closed. Of one with windows that would return before, the option is added that keeps
 * it: what it saved afterwards would be lost.
 */
export function editorCommand({ VISUAL, EDITOR }: NodeJS.ProcessEnv): string {
  const editor = VISUAL || EDITOR || 'vi';
  const [program = ''] = editor.trim().split(/\s+/, 1);
  const option = WAIT_OPTIONS[basename(program)];
  return option === undefined || WAITS.test(editor) ? editor : `${editor} ${option}`;
}
