/** How a file can be shown, in the terminal and on the page. */
export type FileView =
  | 'picture'
  | 'text'
  | 'markdown'
  | 'html'
  | 'table'
  | 'json'
  | 'notebook'
  | 'pdf'
  | 'audio'
  | 'video'
  | 'bytes';
