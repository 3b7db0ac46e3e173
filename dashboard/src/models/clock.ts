/** The time for ages that are read in passing: one timer for all of them, and none while nothing shows an age. */
import { useSyncExternalStore } from 'react'

/** Milliseconds between two looks at the clock. */
const EVERY = 15_000

const listeners = new Set<() => void>()
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined

/** Milliseconds since 1970, at most 15 s old. */
export function useClock(): number {
  return useSyncExternalStore(subscribe, () => now)
}

function subscribe(listener: () => void): () => void {
  if (!listeners.size) start()
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
    if (!listeners.size) clearInterval(timer)
  }
}

function start(): void {
  now = Date.now()
  timer = setInterval(() => {
    now = Date.now()
    for (const listener of listeners) listener()
  }, EVERY)
}
