/** The page: exchanges the token of its address for a session, and shows tasks and their files. */
import { render } from 'preact';
import { startSession } from './api.ts';
import { App } from './app.tsx';
import { NoSession } from './no-session.tsx';
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

void start();
