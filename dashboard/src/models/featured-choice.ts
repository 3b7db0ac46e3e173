/** Whether the Models page shows the featured models: a choice of this browser. */
import { useSyncExternalStore } from 'react'
import { keep, kept } from '../lib/keep'

/** null: shown. OFF: never. Else the list that was dismissed, by its `lastUpdated`; a newer one is shown again. */
export type FeaturedChoice = string | null

export const OFF = 'off'
const KEY = 'featured'
const listeners = new Set<() => void>()

const chosen = (): FeaturedChoice => kept<string>(KEY)

export function chooseFeatured(choice: FeaturedChoice): void {
  keep(KEY, choice)
  for (const listener of listeners) listener()
}

export const useFeaturedChoice = (): FeaturedChoice => useSyncExternalStore(subscribe, chosen)

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
