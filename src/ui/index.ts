/**
 * The page: its server (http/), the changes of tasks and files that are sent to it (live/), and
 * the page itself (page/), which is built apart and runs in a browser. Whoever may see it is
 * decided in http/; nothing outside of this folder knows that there is a browser.
 */
export { serveUi, type Ui } from './page-server.ts';
