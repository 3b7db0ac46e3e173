/** The items of one kind, each with a box to tick, its reason and its bytes. */
import { useId } from 'react'
import type { CleanUpItem } from '../api/cache'
import { bytes } from '../lib/format'
import { Checkbox } from '../ui/checkbox'
import styles from './clean-up.module.css'
import { type Choices, type Group, isChosen, nameOf } from './plan'

/** `onChoose` null: only to be read. */
export function CleanUpGroup({
  group,
  choices,
  onChoose,
}: {
  group: Group
  choices: Choices
  onChoose: ((items: readonly CleanUpItem[], isWanted: boolean) => void) | null
}) {
  const id = useId()
  const isWhole = group.items.every((item) => isChosen(item, choices))
  return (
    <section aria-labelledby={id} className={styles.group}>
      <div className={styles.groupHead}>
        <div>
          <h3 id={id} className={styles.groupTitle}>
            {group.title}
          </h3>
          <p className={styles.note}>{group.about}</p>
        </div>
        <span className={styles.bytes}>{bytes(group.bytes)}</span>
        {onChoose && group.items.length > 1 && (
          <button
            type="button"
            className={styles.all}
            onClick={() => onChoose(group.items, !isWhole)}
            aria-label={`${isWhole ? 'Choose none' : 'Choose all'} of ${group.title.toLowerCase()}`}
          >
            {isWhole ? 'Choose none' : 'Choose all'}
          </button>
        )}
      </div>
      <ul className={styles.items}>
        {group.items.map((item) => (
          <li key={item.id} className={styles.item}>
            {onChoose ? (
              <Checkbox
                checked={isChosen(item, choices)}
                onChange={(isWanted) => onChoose([item], isWanted)}
                hint={item.reason}
              >
                {nameOf(item)}
              </Checkbox>
            ) : (
              <div className={styles.readOnly}>
                {nameOf(item)}
                <span className={styles.reason}>{item.reason}</span>
              </div>
            )}
            <span className={styles.bytes}>{bytes(item.bytes)}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}
