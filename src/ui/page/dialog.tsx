import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

interface Props {
  readonly title: string;
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A modal dialog: the browser keeps the focus in it, and Escape closes it. */
export function Dialog({ title, isOpen, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  return (
    <dialog ref={dialog} onClose={onClose} aria-label={title}>
      {isOpen && (
        <>
          <h2>{title}</h2>
          {children}
          <button type="button" onClick={onClose}>
            Close
          </button>
        </>
      )}
    </dialog>
  );
}

interface ConfirmProps extends Props {
  readonly action: string;
  readonly onConfirm: () => void;
}

/** Asks before something that cannot be undone. */
export function Confirm({ action, onConfirm, children, ...rest }: ConfirmProps) {
  const confirm = (): void => {
    rest.onClose();
    onConfirm();
  };
  return (
    <Dialog {...rest}>
      {children}
      <button type="button" class="danger" onClick={confirm}>
        {action}
      </button>
    </Dialog>
  );
}
