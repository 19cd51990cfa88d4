/** The sign of Cairn: three stones. */
export function Stones() {
  return (
    <svg class="stones" viewBox="0 0 24 22" width="24" height="22" aria-hidden="true">
      <rect x="8" y="0" width="8" height="5" rx="2.5" />
      <rect x="5" y="6.5" width="14" height="6" rx="3" />
      <rect x="1" y="14" width="22" height="8" rx="4" />
    </svg>
  );
}
