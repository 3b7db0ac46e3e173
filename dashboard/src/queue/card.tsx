/** What every download in the queue has: its glyph, its name, its file, and what can be done. */
import { type MouseEvent, type ReactNode, useMemo } from 'react'
import type { QueueItem } from '../api/downloads'
import { openInfo } from '../lib/overlay'
import { factsOf } from '../models/facts'
import { Glyph } from '../ui/glyph'
import { Tag } from '../ui/status'
import { CutMiddle } from '../ui/tooltip'
import styles from './queue.module.css'

/** The model's name; a model that went meanwhile has none any more. */
export const nameOf = (item: QueueItem): string => item.modelName ?? 'A deleted model'

export function Card({
  item,
  actions,
  children,
}: {
  item: QueueItem
  actions: ReactNode
  children?: ReactNode
}) {
  const name = nameOf(item)
  const colour = useMemo(
    () => factsOf({ name, hfRepo: item.repo, modelFile: item.filename }).familyColour,
    [name, item.repo, item.filename],
  )
  return (
    <li className={styles.card}>
      <div className={styles.head}>
        <Glyph name={name} colour={colour} />
        <button type="button" className={styles.names} onClick={() => openInfo(item.modelId)}>
          <span className={styles.name}>
            {name}
            {item.operation === 'update' && <Tag>Update</Tag>}
          </span>
          <CutMiddle text={item.filename ?? item.repo ?? ''} className={styles.file} />
        </button>
        <div className={styles.actions}>{actions}</div>
      </div>
      {children}
    </li>
  )
}

/** Before a button goes with its item: the keyboard stays within the drawer. */
export function keepFocus(event: MouseEvent<HTMLElement>): void {
  event.currentTarget.closest<HTMLElement>('[role=dialog]')?.focus()
}
