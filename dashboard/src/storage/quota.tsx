/** How large the cache may become, and what would go first. */
import type { CleanUpPlan } from '../api/cache'
import { bytes } from '../lib/format'
import styles from './clean-up.module.css'
import { evicted, nameOf } from './plan'

export function Quota({ plan }: { plan: CleanUpPlan }) {
  const { quota } = plan
  if (!quota) return null
  const { quotaBytes, cacheBytes, overBytes } = quota
  const isOver = overBytes > 0
  const going = evicted(plan)
  // The limit keeps its place until the cache has grown past it.
  const whole = Math.max(quotaBytes, cacheBytes) || 1
  return (
    <section className={styles.quota} aria-label="Quota">
      <div className={styles.line}>
        <span className={styles.doing}>
          {bytes(cacheBytes)} of {bytes(quotaBytes)} allowed
        </span>
        <span data-tone={isOver ? 'bad' : undefined}>
          {isOver ? `${bytes(overBytes)} over` : `${bytes(quotaBytes - cacheBytes)} left`}
        </span>
      </div>
      <div className={styles.track} aria-hidden="true">
        <span
          className={styles.within}
          style={{ width: `${(100 * Math.min(cacheBytes, quotaBytes)) / whole}%` }}
        />
        {isOver && <span className={styles.over} style={{ width: `${(100 * overBytes) / whole}%` }} />}
      </div>
      {isOver && (
        <p className={styles.note}>
          {going.length
            ? 'To keep within it, these go first, in this order. A worker removes them by itself only where WEIGHBRIDGE_CACHE_EVICT is on.'
            : 'Nothing may go by itself: all of it is in use or pinned.'}
        </p>
      )}
      {isOver && going.length > 0 && (
        <ol className={styles.order} aria-label="What goes first">
          {going.map((item) => (
            <li key={item.id}>
              <span className={styles.what}>{nameOf(item)}</span>
              <span className={styles.bytes}>{bytes(item.bytes)}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}
