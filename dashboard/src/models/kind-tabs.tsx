/** The kinds of models, one at a time: radio buttons that look like tabs, as they choose what one list shows. */
import { useLayoutEffect, useRef, useState } from 'react'
import { Count } from '../ui/status'
import { type Kind, KIND_NAMES, KINDS } from './filters'
import styles from './kind-tabs.module.css'
import { changeView } from './view'

export function KindTabs({ kind, counts }: { kind: Kind; counts: Record<Kind, number> | null }) {
  const list = useRef<HTMLFieldSetElement>(null)
  const line = useUnderline(list, kind)
  return (
    <fieldset ref={list} className={styles.tabs}>
      <legend className="visually-hidden">Kind</legend>
      {KINDS.map((one) => (
        <label key={one} data-kind={one} className={styles.tab}>
          <input
            type="radio"
            name="kind"
            className="visually-hidden"
            checked={one === kind}
            onChange={() => changeView({ kind: one })}
          />
          {KIND_NAMES[one]} {counts ? <Count value={counts[one]} /> : <span className={styles.room} />}
        </label>
      ))}
      <span
        className={styles.line}
        style={line && { transform: `translateX(${line.left}px) scaleX(${line.width})` }}
        aria-hidden="true"
      />
    </fieldset>
  )
}

type Line = { left: number; width: number }

/** Where the line stands under the chosen tab; measured anew when the tabs change their widths. */
function useUnderline(list: React.RefObject<HTMLFieldSetElement | null>, kind: Kind): Line | undefined {
  const [line, setLine] = useState<Line>()
  useLayoutEffect(() => {
    const measure = () => {
      const tab = list.current?.querySelector<HTMLElement>(`[data-kind=${kind}]`)
      if (tab) setLine({ left: tab.offsetLeft, width: tab.offsetWidth })
    }
    measure()
    const observer = new ResizeObserver(measure)
    for (const tab of list.current?.querySelectorAll('label') ?? []) observer.observe(tab)
    return () => observer.disconnect()
  }, [list, kind])
  return line
}
