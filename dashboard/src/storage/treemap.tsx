/** What fills the volume, by area. It is a list, so that a screen reader reads the same that is drawn; one stop of the
 * Tab key, and arrows from block to block. */
import { type CSSProperties, type KeyboardEvent, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { bytes, percent } from '../lib/format'
import { usePhone } from '../lib/media'
import { Tip } from '../ui/tooltip'
import { type Block, neighbour, place, type Placed } from './blocks'
import styles from './treemap.module.css'

/** Pixels that name and size of a block want. */
const LEAST_WIDTH = 62
const LEAST_HEIGHT = 30
const TWO_LINES = 48
/** Pixels of what a finger hits; the table below has what is smaller. */
const FINGER = 44

/** `onOpen`: a repository, or what is unfinished, was chosen. */
export function Treemap({
  label,
  blocks,
  onOpen,
}: {
  label: string
  blocks: readonly Block[]
  onOpen: (block: Block) => void
}) {
  const list = useRef<HTMLUListElement>(null)
  const { width, height } = useSize(list)
  const placed = useMemo(() => place(blocks, width, height), [blocks, width, height])
  const isPhone = usePhone()
  const isReachable = (block: Placed) =>
    leadsOn(block) && !(isPhone && Math.min(block.width, block.height) < FINGER)
  const reachable = placed.filter(isReachable)
  const [stop, setStop] = useState('')
  const here = Math.max(
    0,
    reachable.findIndex(({ key }) => key === stop),
  )
  const move = (event: KeyboardEvent) => {
    const next = reachable[neighbour(reachable, here, event.key) ?? -1]
    if (!next) return
    event.preventDefault()
    setStop(next.key)
    list.current?.querySelector<HTMLElement>(`[data-block="${CSS.escape(next.key)}"]`)?.focus()
  }
  return (
    // The keys move among the buttons within.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <ul ref={list} aria-label={label} className={styles.map} onKeyDown={move}>
      {placed.map((block) => (
        <li key={block.key} className={styles.place} style={placeOf(block)}>
          {isReachable(block) ? (
            <Tip
              text={sentenceOf(block)}
              render={
                // Its words stand within, below.
                // oxlint-disable-next-line jsx-a11y/control-has-associated-label
                <button
                  type="button"
                  data-block={block.key}
                  data-kind={block.kind}
                  tabIndex={block.key === reachable[here]?.key ? 0 : -1}
                  onFocus={() => setStop(block.key)}
                  onClick={() => onOpen(block)}
                />
              }
              className={styles.block}
            >
              <span className="visually-hidden">{sentenceOf(block)}</span>
              <Words block={block} />
            </Tip>
          ) : (
            <Tip
              text={sentenceOf(block)}
              render={<div data-kind={block.kind} />}
              className={`${styles.block} ${styles.still}`}
            >
              <span className="visually-hidden">{sentenceOf(block)}</span>
              <Words block={block} />
            </Tip>
          )}
        </li>
      ))}
    </ul>
  )
}

/** Behind it there is something to see. */
const leadsOn = ({ kind }: Block): boolean => kind === 'repo' || kind === 'partial'

function placeOf({ x, y, width, height, colour, unmanaged }: Placed): CSSProperties {
  const share = `${Math.round(unmanaged * 100)}%`
  return { left: x, top: y, width, height, '--colour': colour, '--unmanaged': share } as CSSProperties
}

/** For the eyes; what has no room for its words has them in its tooltip. */
function Words({ block }: { block: Placed }) {
  const { kind, name, unmanaged, width, height } = block
  return (
    <>
      {unmanaged > 0 && <span className={styles.unmanaged} aria-hidden="true" />}
      {width >= LEAST_WIDTH && height >= LEAST_HEIGHT && (
        <span className={styles.words} aria-hidden="true">
          <span className={styles.name}>{kind === 'repo' ? name.split('/').at(-1) : name}</span>
          {height >= TWO_LINES && <span className={styles.bytes}>{bytes(block.bytes)}</span>}
        </span>
      )}
    </>
  )
}

/** All of it in words. */
export function sentenceOf({ kind, name, bytes: size, unmanaged }: Block): string {
  const sentence = `${name}, ${bytes(size)}`
  if (kind !== 'repo' || unmanaged <= 0) return sentence
  return unmanaged >= 1
    ? `${sentence}, no downloaded model uses it`
    : `${sentence}, ${percent(100 * unmanaged)} of it used by no downloaded model`
}

const UNMEASURED = { width: 800, height: 280 }

function useSize(list: React.RefObject<HTMLElement | null>): { width: number; height: number } {
  const [size, setSize] = useState(UNMEASURED)
  useLayoutEffect(() => {
    const element = list.current
    if (!element) return
    const measure = () => {
      const { clientWidth: width, clientHeight: height } = element
      if (width && height)
        setSize((last) => (last.width === width && last.height === height ? last : { width, height }))
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [list])
  return size
}
