/** "host:port" in its parts; brackets around an IPv6 address go. The text must be of that form. */
export const splitHostPort = (text: string): { host: string; port: number } => {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(text.slice(colon + 1)) };
};
