/** Whether what is shown is true now: Live, Reconnecting or Offline, and since when. */
import { useEffect, useState } from 'react'
import { ago } from '../lib/format'
import { useFreshness } from '../live/live'
import styles from './shell.module.css'

const WORDS = { connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting', offline: 'Offline' }
const TONES = { connecting: 'quiet', live: 'ok', reconnecting: 'warn', offline: 'bad' }

/** Milliseconds. */
const FRESH = 8000

export function ConnectionLine() {
  const { connection, at } = useFreshness()
  const age = Math.max(0, useNow() - at)
  // Between two heartbeats (5 s) a page is as true as it can be: no number comes and goes.
  const isFresh = connection === 'live' && age < FRESH
  return (
    <div className={styles.connection} data-tone={TONES[connection]} data-connection={connection}>
      <span className={styles.connectionDot} aria-hidden="true" />
      <span className={styles.connectionText}>
        <span role="status">{WORDS[connection]}</span>
        {at > 0 && <span className={styles.connectionAge}> · {isFresh ? 'updated just now' : ago(age)}</span>}
      </span>
    </div>
  )
}

/** The time, once a second: an age that stands still would lie. */
function useNow(): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [])
  return now
}
