/** Where to go after signing in: only a path of our own, as a link must not lead away. */
export function safeNext(text: string | null): string {
  return text && /^\/(?![/\\])/.test(text) && !text.startsWith('/sign-in') ? text : '/models'
}
