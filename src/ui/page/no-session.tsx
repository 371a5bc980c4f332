import { messageOf } from './api.ts';

/** What is shown to whoever has no token, or one of a server that has ended. */
export function NoSession({ error }: { readonly error: unknown }) {
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
