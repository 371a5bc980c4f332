import { addressOf } from '../api.ts';
import { fileAddress, go, server, ticket, tree } from '../state.ts';
import { Thumbnail } from '../thumbnail.tsx';
import { isPicture, type Node, versionOf } from '../tree.ts';

/** All pictures of a task. */
export function Gallery({ task }: { readonly task: string }) {
  const pictures = [...tree.value.files.all()].filter(isPicture);
  const hasThumbnails = server.value?.hasThumbnails ?? false;
  return (
    <div class="fill">
      <h3 class="file-head">
        {pictures.length === 1 ? '1 picture' : `${pictures.length} pictures`}
      </h3>
      {!hasThumbnails && (
        <p class="warning">
          Thumbnails need the package sharp, which is not installed: whole pictures are loaded.
        </p>
      )}
      <ul class="gallery scroller" tabIndex={0}>
        {pictures.map((picture) => (
          <li key={picture.ref}>
            <button
              type="button"
              onClick={() => go({ task, show: 'file', file: picture.ref })}
              title={decode(picture.ref)}
            >
              <Thumbnail src={sourceOf(task, picture, hasThumbnails)} />
              <span>{decode(picture.ref)}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Vector graphics are small, and drawn by the browser alone. */
function sourceOf(task: string, picture: Node, hasThumbnails: boolean): string | undefined {
  const version = versionOf(picture);
  if (hasThumbnails && !/\.svg$/i.test(picture.ref)) {
    return addressOf(task, 'thumbnail', picture.ref, { v: version });
  }
  return ticket.value === '' ? undefined : fileAddress(task, picture.ref, version);
}

/** A path for people; one that is not UTF-8 as its reference. */
function decode(ref: string): string {
  try {
    return decodeURIComponent(ref);
  } catch {
    return ref;
  }
}
