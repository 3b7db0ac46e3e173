/** What one download may take of the network, to be changed while it runs. */
import { useQueryClient } from '@tanstack/react-query'
import { Gauge } from 'lucide-react'
import { useState } from 'react'
import { useMay } from '../api/auth'
import { asProblem } from '../api/client'
import { changeDownload, type QueueItem, queueKey } from '../api/downloads'
import { bytes } from '../lib/format'
import { progress } from '../live/progress'
import { complain } from '../ui/toasts'
import { nameOf } from './card'
import styles from './queue.module.css'

/** Bytes per second; the API takes any number. */
const CHOICES = [1, 2, 5, 10, 20, 50, 100, 200].map((megabytes) => megabytes * 1e6)

/** A choice for those who may; others see a limit that there is. `limit`: as it was heard of last. */
export function SpeedLimit({ item, limit }: { item: QueueItem; limit: number | null }) {
  const may = useMay()
  const { asked, change } = useChange(item)
  if (!may('operator'))
    return limit === null ? null : <p className={styles.limited}>Limited to {perSecond(limit)}</p>
  const now = asked === undefined ? limit : asked
  const choices = now === null || CHOICES.includes(now) ? CHOICES : [now, ...CHOICES]
  return (
    <label className={styles.limit} data-set={now === null ? undefined : true}>
      <Gauge size={14} aria-hidden="true" />
      <select
        aria-label={`Limit speed of ${nameOf(item)}`}
        value={now ?? ''}
        disabled={asked !== undefined}
        onChange={({ target }) => change(target.value ? Number(target.value) : null)}
      >
        <option value="">No limit</option>
        {choices.map((choice) => (
          <option key={choice} value={choice}>
            {perSecond(choice)}
          </option>
        ))}
      </select>
    </label>
  )
}

/** `asked`: the limit that is on its way to the server; undefined: none is. */
function useChange(item: QueueItem) {
  const queries = useQueryClient()
  const [asked, setAsked] = useState<number | null>()
  const change = async (limit: number | null) => {
    setAsked(limit)
    try {
      progress.update([await changeDownload(item.taskId ?? '', { maxBytesPerSecond: limit })])
      await queries.invalidateQueries({ queryKey: queueKey })
    } catch (error) {
      const problem = asProblem(error)
      complain(`${nameOf(item)} could not be limited`, `${problem.message} ${problem.remedy}`.trim())
    }
    setAsked(undefined)
  }
  return { asked, change: (limit: number | null) => void change(limit) }
}

const perSecond = (limit: number): string => `${bytes(limit)}/s`
