/** Saving once, however often it is clicked, and repeating what got no answer without doing it twice. */
import { useRef, useState } from 'react'
import { asProblem, type Problem } from '../api/client'

export type Saving = {
  isBusy: boolean
  /** Why the last time failed. */
  problem: Problem | null
  /** Does nothing while it runs. */
  run: (save: () => Promise<void>) => Promise<void>
}

/** `onRefused` may take a problem to its fields; what it does not take is shown as a whole. */
export function useSaving(onRefused: (problem: Problem) => boolean): Saving {
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const isRunning = useRef(false)
  const run = async (save: () => Promise<void>) => {
    if (isRunning.current) return
    isRunning.current = true
    setBusy(true)
    setProblem(null)
    try {
      await save()
    } catch (error) {
      const refused = asProblem(error)
      if (!onRefused(refused)) setProblem(refused)
    } finally {
      isRunning.current = false
      setBusy(false)
    }
  }
  return { isBusy, problem, run }
}

export type Intent = { keyFor: (body: object) => string; isAnswered: () => void }

/** One key for one intent. The same body after a lost answer goes out under the same key, and is then done once. */
export function useIntent(): Intent {
  const last = useRef<{ body: string; key: string } | null>(null)
  return {
    keyFor(body) {
      const text = JSON.stringify(body)
      if (last.current?.body !== text) last.current = { body: text, key: newKey() }
      return last.current.key
    },
    isAnswered() {
      last.current = null
    },
  }
}

/** Whether the API has spoken its last word on a request, so that the next one is another intent. */
export function isFinal({ status }: Problem): boolean {
  return status >= 400 && status < 500 && status !== 429
}

/** Random, and to be had over plain HTTP too, unlike crypto.randomUUID. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}
