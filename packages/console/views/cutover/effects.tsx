/** What an action changes, one effect in each line. */
export function Effects({ effects }: { readonly effects: readonly string[] }) {
  return (
    <ul class="effects">
      {effects.map((effect) => (
        <li key={effect}>{effect}</li>
      ))}
    </ul>
  );
}
