/**
 * What is used of highlight.js. Its own types bring those of a browser, in which all of this
 * would be checked as if it ran there; tsconfig.json puts this file in their place.
 */
interface HighlightJs {
  getLanguage(name: string): object | undefined;
  /** Markup: `<span class="hljs-…">`, and text with five entities. */
  highlight(
    code: string,
    options: { readonly language: string; readonly ignoreIllegals?: boolean },
  ): { readonly value: string };
}

declare const hljs: HighlightJs;
export default hljs;
