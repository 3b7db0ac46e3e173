/** The token of a sign-in link, which stands behind `#token=`: out of the address at once, so that no history keeps it. */

let waiting: string | null = null

/** Take the token out of the address and keep it for the sign-in page; called before anything is drawn. */
export function catchLinkToken(): void {
  const token = new URLSearchParams(location.hash.slice(1)).get('token')
  if (token === null) return
  waiting = token
  history.replaceState(history.state, '', location.pathname + location.search)
}

/** The token that a link has brought, once; null: none. */
export function takeLinkToken(): string | null {
  catchLinkToken()
  const token = waiting
  waiting = null
  return token
}
