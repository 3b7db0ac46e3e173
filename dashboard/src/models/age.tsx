import { ago } from '../lib/format'
import { useClock } from './clock'

/** `12 s ago`: how long something is in the past. */
export function Age({ at }: { at: string }) {
  // News may be younger than the clock's last look.
  return ago(Math.max(0, useClock() - Date.parse(at)))
}
