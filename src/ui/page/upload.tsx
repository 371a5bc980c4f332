import { useRef } from 'preact/hooks';
import { messageOf, Refused, upload } from './api.ts';
import { say } from './state.ts';

/** Chooses files and puts them into a directory of a live task. */
export function Upload({ task, directory }: { readonly task: string; readonly directory: string }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" onClick={() => input.current?.click()}>
        Upload
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={`Upload into ${directory === '' ? 'the top directory' : directory}`}
        onChange={({ currentTarget }) => {
          void uploadAll(task, directory, currentTarget.files).then(() => {
            currentTarget.value = '';
          });
        }}
      />
    </>
  );
}

/** Puts files into a directory, one after the other, and says how that went. */
export async function uploadAll(
  task: string,
  directory: string,
  files: FileList | null | undefined,
): Promise<void> {
  for (const file of files ?? []) {
    try {
      await uploadOne(task, directory, file);
    } catch (error) {
      say(`${file.name} was not uploaded: ${messageOf(error)}`, true);
      return;
    }
  }
}

async function uploadOne(task: string, directory: string, file: File): Promise<void> {
  const ref = [...(directory === '' ? [] : [directory]), encodeURIComponent(file.name)].join('/');
  const put = async (replace: boolean): Promise<void> => {
    const result = await upload(task, ref, file, replace);
    if (result.kind === 'kept') say(`${file.name} is ${result.where}: ${result.why}`, true);
    else say(`Uploaded ${file.name}.`);
  };
  try {
    await put(false);
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 409) throw error;
    if (confirm(`${file.name} is there already. Replace it?`)) await put(true);
  }
}
