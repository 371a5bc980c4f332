import { printableText } from '../printable.ts';
import type { StyledLine } from '../terminal/index.ts';

/** What the last line asks, and what is done with the answer. */
export class Prompt {
  private readonly label: string;
  private readonly text: string;
  private readonly answered: (key: string, prompt: Prompt) => Prompt | undefined;

  private constructor(label: string, text: string, answered: Prompt['answered']) {
    this.label = label;
    this.text = text;
    this.answered = answered;
  }

  /** A text, told with every key; Escape empties it. */
  static forText(label: string, changed: (text: string) => void, text = ''): Prompt {
    const become = (next: string): Prompt => {
      changed(next);
      return Prompt.forText(label, changed, next);
    };
    return new Prompt(label, text, (key) => {
      if (key === 'enter') return undefined;
      if (key === 'backspace') return become([...text].slice(0, -1).join(''));
      if (key === 'ctrl-u') return become('');
      if (key === 'escape' || key === 'ctrl-c') {
        changed('');
        return undefined;
      }
      return [...key].length === 1 ? become(text + key) : Prompt.forText(label, changed, text);
    });
  }

  /** A question that only `y` agrees to. */
  static forConsent(question: string, agreed: () => void): Prompt {
    return new Prompt(question, '', (key) => {
      if (key === 'y') agreed();
      return undefined;
    });
  }

  get line(): StyledLine {
    return [
      { text: this.label, styles: ['bold'] },
      { text: printableText(this.text) },
      { text: ' ', styles: ['inverse'] },
    ];
  }

  /** What is asked after a key; undefined: nothing any more. */
  press(key: string): Prompt | undefined {
    return this.answered(key, this);
  }
}
