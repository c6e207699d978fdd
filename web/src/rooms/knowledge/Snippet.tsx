/** A snippet with the found words marked; everything else is plain text. */
export function Snippet({ text }: { text: string }) {
  return (
    <p className="snippet">
      {text.split("**").map((part, i) => (i % 2 ? <mark key={i}>{part}</mark> : part))}
    </p>
  );
}
