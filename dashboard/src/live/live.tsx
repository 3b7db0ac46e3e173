/** Joins the stream to the page while somebody is signed in. */
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useSyncExternalStore } from 'react'
import { forget } from '../api/auth'
import { LiveModels } from './apply'
import { progress } from './progress'
import { type Freshness, LiveStream } from './stream'

let freshness: Freshness = { connection: 'connecting', at: 0 }
const listeners = new Set<() => void>()

function setFreshness(next: Freshness): void {
  freshness = next
  for (const listener of listeners) listener()
}

/** Keep the page's models, queue and progress true as long as this is mounted. */
export function useLive(): void {
  const queries = useQueryClient()
  useEffect(() => {
    const models = new LiveModels(queries, progress)
    const stream = new LiveStream({
      onEvent: models.apply,
      onFreshness: setFreshness,
      onSignedOut: () => forget(queries),
      poll: models.poll,
    })
    stream.start()
    const aging = setInterval(() => freshness.connection === 'live' && progress.age(), 1000)
    return () => {
      clearInterval(aging)
      stream.stop()
      models.stop()
      progress.reset()
    }
  }, [queries])
}

/** Whether the page is live, and when it last heard of the server. */
export function useFreshness(): Freshness {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => freshness,
  )
}
