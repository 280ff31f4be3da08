// The few icons there are, as paths on a 16 x 16 grid.
const paths: Record<string, string> = {
  overview: 'M2 8l6-5 6 5M4 7v6h8V7',
  alerts: 'M8 2l6 11H2zM8 6.500v3.500M8 11.500v.5',
  services: 'M4 8a2 2 0 1 0-.01 0zM12.500 4.500a2 2 0 1 0-.01 0zM12.500 14a2 2 0 1 0-.01 0zM4.500 6l6-2.500M4.500 7l6 4.500',
  metrics: 'M2 3v10h12M4 10l3-3 2 2 4-5',
  logs: 'M2 4h12M2 7h8M2 10h11M2 13h6',
  traces: 'M2 3.500h7M4 6.500h8M6 9.500h5M9 12.500h5',
  targets: 'M8 2.500a5.500 5.500 0 1 0 .01 0zM8 6a2 2 0 1 0 .01 0zM8 .500v3M8 12.500v3M.500 8h3M12.500 8h3',
};

export function Icon({ name, size = 16 }: { name: string; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" class="icon">
      <path d={paths[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg width="22" height="26" viewBox="0 0 22 26" aria-hidden="true">
      <path class="logo-tip" d="M11 1l4 6H7z" />
      <path class="logo-left" d="M7 8.500h4V25H4.500z" />
      <path class="logo-right" d="M15 8.500h-4V25h6.500z" />
    </svg>
  );
}
