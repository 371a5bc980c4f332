import type { ComponentChildren, HTMLAttributes } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Rows beyond the edges, so that scrolling shows no gaps. */
const OVERSCAN = 10;

interface Props extends Omit<HTMLAttributes<HTMLDivElement>, 'children' | 'wrap'> {
  readonly count: number;
  /** In pixels; the same for all rows. */
  readonly rowHeight: number;
  readonly row: (index: number) => ComponentChildren;
  /** Kept in view when it changes; -1: none. */
  readonly current?: number;
  /** Whether rows may be wider than the list. */
  readonly isWide?: boolean;
  /** Keeps the last row in view. */
  readonly isFollowing?: boolean;
  /** What stays above all rows. */
  readonly head?: ComponentChildren;
}

/** A list that renders only the rows that can be seen: ten thousands cost no more than a screen. */
export function VirtualList(props: Props) {
  const { count, rowHeight, row, current = -1, isWide, isFollowing = false, head, ...rest } = props;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 800 });

  const measure = (): void => {
    const { scrollTop = 0, clientHeight = 0 } = box.current ?? {};
    setView({ top: scrollTop, height: clientHeight });
  };
  useEffect(() => {
    const observer = new ResizeObserver(measure);
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || current < 0) return;
    const headHeight = element.firstElementChild?.clientHeight ?? 0;
    const top = current * rowHeight;
    const bottom = top + rowHeight + (head ? headHeight : 0);
    if (top < element.scrollTop) element.scrollTop = top;
    else if (bottom > element.scrollTop + element.clientHeight) {
      element.scrollTop = bottom - element.clientHeight;
    }
  }, [current]);
  useLayoutEffect(() => {
    if (isFollowing && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [isFollowing, count, view.height]);

  const first = Math.max(0, Math.floor(view.top / rowHeight) - OVERSCAN);
  const last = Math.min(count, Math.ceil((view.top + view.height) / rowHeight) + OVERSCAN);
  const visible = Array.from({ length: Math.max(0, last - first) }, (_, index) => first + index);
  return (
    <div {...rest} ref={box} onScroll={measure} class={`scroller ${rest.class ?? ''}`}>
      {head}
      <div
        role="presentation"
        style={{ height: `${count * rowHeight}px`, ...(isWide && { minWidth: 'max-content' }) }}
      >
        <div role="presentation" style={{ transform: `translateY(${first * rowHeight}px)` }}>
          {visible.map(row)}
        </div>
      </div>
    </div>
  );
}

/** Where a key moves to in a list of so many rows; undefined for a key that does not move. */
export function moveBy(key: string, at: number, count: number): number | undefined {
  const last = count - 1;
  const to = new Map([
    ['ArrowDown', at + 1],
    ['ArrowUp', at - 1],
    ['PageDown', at + 15],
    ['PageUp', at - 15],
    ['Home', 0],
    ['End', last],
  ]).get(key);
  return to === undefined || count === 0 ? undefined : Math.max(0, Math.min(last, to));
}
