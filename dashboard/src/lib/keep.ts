/** Small preferences in localStorage; where storage is forbidden they last as long as the page. */

/** The value kept under a key, or null. */
export function kept<T>(key: string): T | null {
  try {
    const text = localStorage.getItem(`weighbridge-${key}`)
    return text === null ? null : (JSON.parse(text) as T)
  } catch {
    // Forbidden, or not JSON (written by an older version): as if nothing was kept.
    return null
  }
}

/** Keep a value; null forgets it. */
export function keep(key: string, value: unknown): void {
  try {
    if (value === null) localStorage.removeItem(`weighbridge-${key}`)
    else localStorage.setItem(`weighbridge-${key}`, JSON.stringify(value))
  } catch {
    // Forbidden or full: the preference is lost with the page, which is all that it deserves.
  }
}
