/** How long a token works. */

export type Expiry = '30' | '90' | '365' | 'date' | 'never'

export const EXPIRIES: readonly { value: Expiry; label: string }[] = [
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In 365 days' },
  { value: 'date', label: 'On a date' },
  { value: 'never', label: 'Never' },
]

const DAY = 24 * 60 * 60 * 1000

/** The instant; null: never. A date is meant to its end, where the reader is. */
export function expiresAt({ expiry, date }: { expiry: Expiry; date: string }, now: Date): string | null {
  if (expiry === 'never') return null
  if (expiry === 'date') return new Date(`${date}T23:59:59`).toISOString()
  return new Date(now.getTime() + Number(expiry) * DAY).toISOString()
}

/** `2026-11-22`, where the reader is. */
export function tomorrow(now: Date): string {
  const next = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1)
  return `${next.getFullYear()}-${twoDigits(next.getMonth() + 1)}-${twoDigits(next.getDate())}`
}

const twoDigits = (value: number): string => String(value).padStart(2, '0')
