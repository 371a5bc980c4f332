/** A small picture. Where it cannot be drawn, as while it is written, its place stays empty. */
export function Thumbnail({ src }: { readonly src: string | undefined }) {
  return (
    <img
      key={src}
      loading="lazy"
      alt=""
      src={src}
      onError={({ currentTarget }) => {
        currentTarget.style.visibility = 'hidden';
      }}
    />
  );
}
