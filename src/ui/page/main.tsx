/** The page: exchanges the token of its address for a session, and shows tasks and their files. */
import { render } from 'preact';
import { messageOf, startSession } from './api.ts';
import { App } from './app.tsx';
import { place, placeInAddress, server } from './state.ts';
import { followTask } from './stream.ts';

async function start(): Promise<void> {
  const root = document.getElementById('app');
  if (!root) return;
  try {
    server.value = await startSession();
  } catch (error) {
    render(<NoSession error={error} />, root);
    return;
  }
  place.value = placeInAddress();
  window.addEventListener('popstate', () => {
    place.value = placeInAddress();
  });
  followTask();
  render(<App />, root);
}

/** What is shown to whoever has no token, or one of a server that has ended. */
function NoSession({ error }: { readonly error: unknown }) {
  return (
    <main class="alone">
      <h1>taskfs</h1>
      <p>This page was opened without a valid token: {messageOf(error)}.</p>
      <p>
        <code>taskfs ui</code> prints an address that opens it. An address is good until that
        command ends.
      </p>
    </main>
  );
}

void start();
