/** The models by where they come from: a card for each repository with its variants. */
import { useQuery } from '@tanstack/react-query'
import { useCallback, useMemo, useRef, useState } from 'react'
import { healthQuery } from '../api/health'
import type { Model } from '../api/models'
import { useTwoColumns } from '../lib/media'
import { cardsOf, type CardContent } from './cards'
import { PlainCard } from './plain-card'
import { RepositoryCard } from './repository-card'
import styles from './repositories.module.css'
import { useRows } from './use-rows'

/** Pixels, before a card is measured. */
const CARD = 153
const VARIANT = 44

/** `shown` is what the filters leave of `all`. */
export default function Repositories({ all, shown }: { all: readonly Model[]; shown: readonly Model[] }) {
  const columns = useTwoColumns() ? 2 : 1
  const { data: health } = useQuery({ ...healthQuery, enabled: false })
  const cards = useMemo(() => cardsOf(shown, all), [shown, all])
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const toggle = useCallback(
    (key: string) =>
      setOpen((before) =>
        before.has(key) ? new Set([...before].filter((one) => one !== key)) : new Set([...before, key]),
      ),
    [],
  )
  const list = useRef<HTMLDivElement>(null)
  const lines = useMemo(() => inLines(cards, columns), [cards, columns])
  const keys = useMemo(() => lines.map((line) => line.map(({ key }) => key).join(' ')), [lines])
  const heightOf = (index: number) =>
    CARD + VARIANT * Math.max(0, ...(lines[index] ?? []).map(({ models }) => models.length))
  const { rows, height, measure } = useRows(list, { keys, heightOf, isFixed: false, overscan: 2 })
  return (
    <div ref={list} className={styles.list} style={{ height }}>
      {rows.map(({ key, index, start }) => (
        <div
          key={key}
          ref={measure}
          data-index={index}
          data-key={key}
          className={styles.line}
          style={{ transform: `translateY(${start}px)` }}
        >
          {lines[index]?.map(({ key: name, repo, title, models, registered }) =>
            repo ? (
              <RepositoryCard
                key={name}
                repo={repo}
                endpoint={health?.hub.endpoint}
                models={models}
                registered={registered}
                isOpen={open.has(name)}
                onToggle={toggle}
              />
            ) : (
              <PlainCard key={name} title={title} models={models} />
            ),
          )}
        </div>
      ))}
    </div>
  )
}

function inLines(cards: readonly CardContent[], columns: number): CardContent[][] {
  const count = Math.ceil(cards.length / columns)
  return Array.from({ length: count }, (_, line) => cards.slice(line * columns, (line + 1) * columns))
}
